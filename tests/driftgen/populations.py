"""Populations of events in many domains, seeded: the healthy streams that the drift generator changes.

A population is a list of fields. They hang together as in real streams: each makes its value from the random source,
the event so far and what stays the same for the stream.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec

from driftgen.fields import (
    INTEGER,
    NUMBER,
    STRING,
    Field,
    constant,
    count,
    derived,
    flag,
    ident,
    iso,
    label,
    later,
    measure,
    money,
    optional,
    ref,
    seconds,
    uid,
    when,
    words,
)


class Population(msgspec.Struct, frozen=True):
    """A healthy stream."""

    domain: str
    fields: tuple[Field, ...]

    def events(self, rng: random.Random, count: int, start: float, world: dict[str, Any]) -> list[dict[str, Any]]:
        """Events in the order of time, from `start` in seconds since 1970 on."""
        made = []
        now = start
        for _ in range(count):
            now += rng.expovariate(1 / 45.0)
            event: dict[str, Any] = {"_now": now}
            for field in self.fields:
                event[field.name] = field.make(rng, event, world)
            del event["_now"]
            made.append(event)
        return made

    def contract(self) -> dict[str, Any]:
        """The JSON Schema of a healthy event."""
        return {
            "type": "object",
            "properties": {field.name: field.schema for field in self.fields},
            "required": [field.name for field in self.fields if not field.optional],
        }


def _temperature(r: random.Random, e: dict[str, Any], w: dict[str, Any]) -> float:
    return round(r.gauss({"hall": 19.0, "cold_store": 4.0, "roof": 11.0}.get(e.get("zone", ""), 15.0), 2.5), 1)


def _address(r: random.Random, e: dict[str, Any], w: dict[str, Any]) -> dict[str, Any]:
    return {
        "street": f"{r.choice(['Main', 'Oak', 'Hill', 'Lake', 'Park', 'Mill'])} St {r.randrange(1, 200)}",
        "city": r.choice(["Berlin", "Hamburg", "Wien", "Graz", "Basel", "Lyon"]),
        "zip": f"{r.randrange(10000, 99999)}",
        "country": r.choice(["DE", "DE", "DE", "AT", "CH", "FR"]),
    }


def _lines(r: random.Random, e: dict[str, Any], w: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "sku": f"SKU-{r.randrange(100, 160)}",
            "qty": 1 + int(r.expovariate(1.2)),
            "unit_price": round(r.lognormvariate(3, 0.7), 2),
        }
        for _ in range(1 + int(r.expovariate(0.7)))
    ]


def _object(**types: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in types.items()},
        "required": list(types),
    }


DOMAINS: dict[str, tuple[Field, ...]] = {
    "baskets": (
        ident("basket_id", "B-", "basketId cart_id"),
        when("placed_at", "placedAt ordered_at created_at"),
        derived(
            "address",
            "object",
            _address,
            _object(street="string", city="string", zip="string", country="string"),
            "delivery_address addr",
        ),
        derived(
            "lines",
            "array",
            _lines,
            {"type": "array", "minItems": 1, "items": _object(sku="string", qty="integer", unit_price="number")},
            "items positions",
        ),
        derived(
            "customer",
            "object",
            lambda r, e, w: {"id": f"C{1000 + int(60 * r.random() ** 1.7) * 7}", "vip": r.random() < 0.2},
            _object(id="string", vip="boolean"),
            "client buyer",
        ),
        derived(
            "total",
            "money",
            lambda r, e, w: round(sum(x["qty"] * x["unit_price"] for x in e["lines"]), 2),
            NUMBER,
            "total_amount sum grand_total",
        ),
        label("status", {"open": 5, "packed": 3, "sent": 4, "returned": 1}, "state basket_status"),
        flag("express", 0.2, "is_express express_delivery"),
    ),
    "retail": (
        ident("order_id", "O-", "orderId order_no order_number"),
        when("created_at", "createdAt created creation_time placed_at order_date"),
        ref("customer_id", "C", 60, "customerId cust_id client_id customer"),
        label("status", {"new": 5, "paid": 4, "shipped": 3, "cancelled": 1}, "state order_status"),
        money("subtotal", 60, 0.8, "sub_total zwischensumme"),
        derived("tax", "money", lambda r, e, w: round(e["subtotal"] * 0.19, 2), NUMBER, "vat tax_amount"),
        money("shipping_cost", 5, 0.4, "shipping_fee freight delivery_cost"),
        derived(
            "total",
            "money",
            lambda r, e, w: round(e["subtotal"] + e["tax"] + e["shipping_cost"], 2),
            NUMBER,
            "grand_total total_amount sum",
        ),
        label("currency", {"EUR": 6, "USD": 3, "GBP": 1}, "curr ccy currency_code"),
        count("items", 2.5, "item_count n_items qty"),
        flag("gift", 0.12, "is_gift gift_flag"),
        label("channel", {"web": 5, "app": 4, "store": 2}, "sales_channel chan"),
    ),
    "payments": (
        uid("payment_id", "paymentId pay_id id"),
        when("captured_at", "capturedAt capture_time ts", 3),
        ref("merchant", "M", 40, "merchant_id shop seller"),
        money("amount", 35, 1.0, "amt value payment_amount betrag"),
        derived(
            "fee",
            "money",
            lambda r, e, w: round(e["amount"] * 0.014 + 0.25, 2),
            NUMBER,
            "charge processing_fee gebuehr",
        ),
        label("method", {"card": 6, "paypal": 3, "invoice": 2, "sepa": 1}, "payment_method pay_method"),
        label("country", {"DE": 5, "FR": 3, "NL": 2, "AT": 1}, "country_code land"),
        flag("recurring", 0.3, "is_recurring recurrent"),
        count("risk_score", 18, "risk score riskScore", 0),
        constant("schema", "payment/3", "schema_version"),
    ),
    "iot": (
        uid("msg_id", "message_id msgId"),
        derived("ts", "time", lambda r, e, w: int(e["_now"]), INTEGER, "timestamp time"),
        ref("device", "dev-", 30, "device_id deviceId sensor"),
        label("zone", {"hall": 4, "cold_store": 3, "roof": 2}, "area location"),
        derived("temperature", "temperature", _temperature, NUMBER, "temp temperature_c"),
        measure("humidity", 55, 9, 1, "hum rel_humidity humid", "share"),
        measure("pressure", 1012, 6, 1, "press baro barometer"),
        optional(measure("battery", 71, 14, 0, "batt battery_level bat"), 0.1),
        count("rssi_abs", 60, "signal signal_strength", 20),
        label("fw", {"2.1.0": 5, "2.1.3": 3, "2.0.9": 1}, "firmware fw_version", closed=False),
    ),
    "web": (
        uid("request_id", "requestId req_id"),
        when("received_at", "receivedAt recv_time time", 3),
        label("method", {"GET": 7, "POST": 3, "PUT": 1, "DELETE": 1}, "http_method verb"),
        derived(
            "path",
            "text",
            lambda r, e, w: (
                "/"
                + "/".join(
                    r.choice(["api", "v1", "users", "items", "carts", "search", "login"])
                    for _ in range(r.randint(1, 3))
                )
            ),
            STRING,
            "url_path uri route",
        ),
        derived(
            "status",
            "code",
            lambda r, e, w: r.choices([200, 201, 301, 404, 500], [70, 10, 5, 10, 2])[0],
            INTEGER,
            "status_code http_status",
        ),
        derived(
            "duration_ms",
            "measure",
            lambda r, e, w: round(r.lognormvariate(3.6, 0.9), 1),
            NUMBER,
            "latency_ms elapsed_ms took_ms",
        ),
        derived(
            "bytes_sent",
            "count",
            lambda r, e, w: int(r.lognormvariate(8, 1.1)),
            INTEGER,
            "response_bytes bytes_out size",
        ),
        derived(
            "client_ip",
            "text",
            lambda r, e, w: f"10.{r.randrange(40)}.{r.randrange(256)}.{r.randrange(256)}",
            STRING,
            "remote_addr ip clientIp",
        ),
        ref("user", "u", 80, "user_id userId login"),
        flag("cached", 0.35, "is_cached cache_hit"),
    ),
    "shipping": (
        ident("shipment_id", "S", "shipmentId shipment_no consignment"),
        when("departed_at", "departure_time departedAt departure"),
        later("delivered_at", "departed_at", 20000, 90000, "delivery_time arrived_at"),
        label("origin", {"HAM": 3, "MUC": 3, "BER": 2, "CGN": 2}, "from_hub origin_hub source"),
        label("destination", {"VIE": 3, "ZRH": 2, "PRG": 2, "WAW": 1}, "to_hub destination_hub dest"),
        derived(
            "distance_km",
            "measure",
            lambda r, e, w: w["routes"][(e["origin"], e["destination"])],
            NUMBER,
            "distance km dist_km",
        ),
        derived(
            "weight_kg", "measure", lambda r, e, w: round(r.lognormvariate(1.2, 0.8), 3), NUMBER, "weight kg mass_kg"
        ),
        count("parcels", 1.2, "parcel_count pieces packages"),
        label("service", {"standard": 6, "express": 3, "freight": 1}, "service_level product"),
        label("carrier", {"dhl": 4, "dpd": 3, "gls": 2}, "carrier_name shipper"),
        flag("insured", 0.2, "is_insured insurance"),
    ),
    "people": (
        ident("employee_id", "E", "employeeId emp_no staff_id"),
        derived(
            "first_name",
            "text",
            lambda r, e, w: r.choice(
                [
                    "Ana",
                    "Ben",
                    "Clara",
                    "David",
                    "Eva",
                    "Finn",
                    "Greta",
                    "Hugo",
                    "Ida",
                    "Jan",
                    "Kira",
                    "Leo",
                    "Mia",
                    "Noah",
                ]
            ),
            STRING,
            "given_name firstName vorname",
        ),
        derived(
            "last_name",
            "text",
            lambda r, e, w: r.choice(
                [
                    "Meier",
                    "Novak",
                    "Rossi",
                    "Silva",
                    "Weber",
                    "Costa",
                    "Dubois",
                    "Haas",
                    "Kern",
                    "Lang",
                    "Moser",
                    "Pohl",
                    "Adler",
                ]
            ),
            STRING,
            "family_name lastName surname",
        ),
        derived(
            "email",
            "text",
            lambda r, e, w: f"{e['first_name']}.{e['last_name']}{r.randrange(100)}@example.org".lower(),
            STRING,
            "mail email_address e_mail",
        ),
        label("department", {"sales": 4, "research": 3, "finance": 2, "legal": 1}, "dept department_name abteilung"),
        derived("salary", "money", lambda r, e, w: round(r.gauss(52000, 9000), 2), NUMBER, "annual_salary pay gehalt"),
        derived(
            "hired_on",
            "time",
            lambda r, e, w: iso(1.2e9 + r.random() * 4.5e8)[:10],
            {"type": "string", "format": "date"},
            "hire_date start_date hiredOn",
        ),
        derived(
            "postal_code",
            "text",
            lambda r, e, w: f"{r.randrange(99999):05d}",
            {"type": "string", "pattern": "^[0-9]{5}$"},
            "zip postcode zip_code plz",
        ),
        flag("remote", 0.4, "is_remote works_remote"),
        optional(ref("manager", "E", 12, "manager_id reports_to"), 0.2),
    ),
    "ads": (
        ident("row_id", "R", "rowId"),
        when("hour", "hour_start time"),
        ref("campaign", "cmp-", 25, "campaign_id campaignId"),
        derived(
            "impressions",
            "count",
            lambda r, e, w: int(r.lognormvariate(7.5, 0.8)),
            INTEGER,
            "imps views impression_count",
        ),
        derived(
            "clicks",
            "count",
            lambda r, e, w: int(e["impressions"] * r.uniform(0.005, 0.04)),
            INTEGER,
            "click_count clk",
        ),
        derived(
            "spend", "money", lambda r, e, w: round(e["clicks"] * r.uniform(0.2, 0.9), 2), NUMBER, "cost spend_amount"
        ),
        derived(
            "ctr",
            "share",
            lambda r, e, w: round(e["clicks"] / max(1, e["impressions"]), 4),
            NUMBER,
            "click_through_rate ctr_rate",
        ),
        label("device", {"desktop": 4, "mobile": 5, "tablet": 1}, "device_type form_factor"),
        label("country", {"DE": 5, "FR": 3, "IT": 2}, "country_code geo"),
    ),
    "tickets": (
        ident("ticket_id", "T", "ticketId ticket_no"),
        when("opened_at", "openedAt open_time created"),
        derived(
            "closed_at",
            "time",
            lambda r, e, w: None if r.random() < 0.3 else iso(seconds(e["opened_at"]) + r.uniform(600, 200000)),
            {"type": ["string", "null"]},
            "closedAt close_time resolved_at",
        ),
        label("priority", {"low": 4, "medium": 5, "high": 2, "urgent": 1}, "prio ticket_priority"),
        derived(
            "state",
            "label",
            lambda r, e, w: "closed" if e["closed_at"] else r.choice(["open", "open", "pending"]),
            {"type": "string", "enum": ["open", "pending", "closed"]},
            "status ticket_state",
        ),
        ref("assignee", "agent", 15, "assigned_to agent owner"),
        words(
            "subject",
            "printer login password screen slow email crash update license network vpn access",
            "title summary subject_line",
        ),
        count("replies", 3, "reply_count n_replies comments", 0),
        flag("escalated", 0.1, "is_escalated"),
    ),
    "energy": (
        ref("meter", "MTR", 40, "meter_id meterId"),
        when("read_at", "reading_time readAt timestamp"),
        derived(
            "energy_kwh",
            "measure",
            lambda r, e, w: round(r.lognormvariate(1.5, 0.6), 3),
            NUMBER,
            "kwh consumption_kwh energy",
        ),
        measure("voltage", 230, 3, 1, "volt voltage_v"),
        measure("frequency", 50, 0.03, 2, "freq frequency_hz"),
        measure("power_factor", 0.93, 0.03, 3, "pf cos_phi", "share"),
        label("tariff", {"day": 6, "night": 4}, "rate tariff_name"),
        label("phase", {"L1": 1, "L2": 1, "L3": 1}, "phase_id"),
        flag("estimated", 0.05, "is_estimated estimate_flag"),
    ),
    "bank": (
        uid("tx_id", "txId transaction_id"),
        when("booked_at", "bookedAt booking_time booking_date"),
        derived(
            "debtor_iban",
            "ref",
            lambda r, e, w: w["ibans"][int(len(w["ibans"]) * r.random() ** 1.5)],
            STRING,
            "debtorIban payer_iban from_iban",
        ),
        derived(
            "creditor_iban",
            "text",
            lambda r, e, w: f"{r.choice(['FR', 'AT', 'NL'])}{r.randrange(10, 99)}{r.randrange(10**17, 10**18)}",
            STRING,
            "creditorIban payee_iban to_iban",
        ),
        derived(
            "amount",
            "money",
            lambda r, e, w: round(r.lognormvariate(4.4, 1.2) * (1 if r.random() < 0.4 else -1), 2),
            NUMBER,
            "amt value betrag",
        ),
        label("currency", {"EUR": 8, "CHF": 1, "USD": 1}, "ccy curr"),
        flag("instant", 0.25, "is_instant instant_payment"),
        words(
            "purpose",
            "rent invoice salary order refund fee insurance gift club power water",
            "remittance reference_text note",
        ),
    ),
}
"""The fields of each domain."""


def world_of(rng: random.Random) -> dict[str, Any]:
    """What stays the same for a stream: routes have one length, the bank has its accounts."""
    return {
        "routes": {
            (a, b): round(rng.uniform(120, 1400), 1)
            for a in ("HAM", "MUC", "BER", "CGN")
            for b in ("VIE", "ZRH", "PRG", "WAW")
        },
        "ibans": [f"DE{rng.randrange(10, 99)}5001{rng.randrange(10**13, 10**14)}" for _ in range(30)],
    }


def population(domain: str, rng: random.Random) -> Population:
    """A domain's population with a random choice of its fields; fields that others are made from stay."""
    fields = DOMAINS[domain]
    if rng.random() < 0.4 and domain not in ("retail", "shipping", "ads", "tickets", "people", "baskets"):
        keep = max(6, len(fields) - rng.randrange(4))
        chosen = set(rng.sample(range(len(fields)), keep)) | {0, 1}
        needed = {"payments": {3}, "iot": {3}}.get(domain, set())
        fields = tuple(field for index, field in enumerate(fields) if index in chosen | needed)
    return Population(domain, fields)
