"""Words that mean the same in field names, and words that change what a name means: general English, units, some
German,
French and Spanish.

Only data. `names` reads it. The groups come from everyday engineering usage, not from any data set; a group joins what
two teams would call the same thing, a qualifier is what makes `previous_amount` another quantity than `amount`.
"""

from __future__ import annotations

_GROUPS = """
amount amt betrag montant importe monto
account acct acc konto compte cuenta
address addr adr adresse direccion anschrift
age alter
application app
article artikel articulo
average avg mean mittelwert
balance bal saldo solde
barometer baro barometric pressure press druck pression presion pres
battery batt bat akku
begin start started beginning anfang debut inicio
birth dob born birthdate birthday geburtsdatum
body content text message msg note comment remark nachricht mensaje payloadtext
boolean bool flag
brand make marke marca
browser useragent
building bldg
buyer purchaser kaeufer
calculated calc computed
campaign cmpgn kampagne
cancel cancelled canceled cancellation storniert
card karte tarjeta
carrier shipper spediteur
cart basket warenkorb
category cat categ kategorie categoria
channel chan chnl kanal canal
city town stadt ville ciudad ort
class klass klasse
client customer cust cstmr kunde kundin cliente
close closed
code cd
color colour farbe couleur
column col
company firm organization organisation org firma empresa entreprise
component comp logger
config configuration conf cfg settings
confirm confirmed
connection conn
consumer group
contact kontakt contacto
container box
cost kosten costo cout
count cnt num number no nr nbr anzahl nombre qty quantity menge cantidad quantite
country ctry land pays pais nation
course kurs
create created creation inserted insert added erstellt
currency curr ccy cur waehrung devise moneda
current cur
database db datenbank
day tag jour dia
deadline due duedate faellig
delete deleted deletion removed
deliver delivery delivered dlvry lieferung livraison entrega
department dept dpt abteilung
depth tiefe profondeur
description desc descr details detail beschreibung descripcion
destination dest dst ziel to
device dev geraet
direction dir richtung
discount disc rabatt remise descuento
distance dist strecke entfernung distancia
document doc dokument
domain dom
duration dur elapsed lasted took dauer duree duracion length
echelon level lvl severity sev loglevel levelname stufe
email mail emailaddress
employee emp staff worker mitarbeiter empleado
encoding enc
end ended finish finished ende fin stop stopped
engine motor
enabled active activated enable aktiv actif activo
environment env
error err fehler fault failure
event evt ereignis
exception exc
execute executed exec execution run
expire expires expiry expiration exp ablauf
external ext extern
factor faktor
fee charge gebuehr frais
file datei fichier
first erste
firstname fname forename givenname vorname prenom
firmware fw
format fmt
forward fwd
frequency freq
function func fn method
gender sex geschlecht
given first
group grp gruppe groupe grupo
handler hdlr
hash digest checksum
height hgt hoehe hauteur altura
host hostname server node
hour hr hrs stunde heure hora
household hh
humidity humid hum feuchte humedad rh
identifier id ident uid uuid guid key ref reference kennung
image img picture pic photo bild
index idx
information info infos
instance inst
integer int
internal intern
interval intvl
invoice inv rechnung facture factura bill
item article product prod artikel produkt produit producto sku
job task
kilometer kilometre km
language lang sprache langue idioma locale
last letzte
lastname lname surname familyname nachname apellido
latency lat
latitude lat breite breitengrad
lecturer teacher
limit lim
line row zeile lineno
list liste lst
location loc place site standort lieu ubicacion position pos
longitude lon lng long laenge laengengrad
manager mgr
manufacturer mfr mfg vendor supplier maker hersteller lieferant proveedor fournisseur
maximum max
measure measurement reading messwert
member mitglied
memory mem
merchant shop store seller haendler
middle mid
minimum min
minute minutes mins minuten
model modell
modify modified update updated changed change edited geaendert aktualisiert
money geld
month monat mois mes
mobile cell
name nm label title bezeichnung titel titre nombre nom
namespace ns
network net netz
object obj
occupation profession beruf
operation op action verb
operator opr
option opt
order ordr bestellung commande pedido auftrag
origin orig from source src quelle ursprung herkunft
owner user usr benutzer nutzer usuario utilisateur login
package pkg paket
page seite
parameter param params arg argument
parent par
partition part
passenger pax passagier
password pwd
patient pat
payment pay pymt zahlung paiement pago paid
percent pct percentage prozent perc
person people
phone tel telephone telefon phonenumber
pickup pu
platform plat
point pt
population pop
port hafen
postal postcode postalcode zip zipcode plz codepostal
power pwr leistung
previous prev prior
price preis prix precio
priority prio
process proc pid
profile prof
project proj projekt
property prop attribute attr
protocol proto
provider vendor
province state region bundesland
publish published send sent
query abfrage
rate ratio
rating score stars bewertung note
reason grund
receive received recv rcvd erhalten
recipient receiver payee creditor beneficiary rcpt empfaenger
record rec
region area zone gebiet
register registered registration signup joined
request req anfrage
resource res
response resp reply answer antwort
result res outcome ergebnis
return returned ruecksendung
revenue rev umsatz
revision rev
road street str strasse rue calle
role rolle
room zimmer
route lane
sales verkauf
second sec secs sekunde seconds
segment seg
sender payer debtor absender
sensor snsr
sequence seq
serial sn
service svc svcs dienst
session sess
shipping shipment ship versand envio freight
signal sig rssi
size groesse taille bytes bytecount
software sw
speed velocity spd vel geschwindigkeit vitesse velocidad
standard std
statement stmt sql query
station stn
status state stat zustand estado etat
subscription subs sub abo
subtotal zwischensumme
success succeeded ok erfolg
surcharge extra zuschlag
system sys
table tabelle tbl collection
tax vat taxes steuer mwst impuesto tva iva
temperature temp tmp temperatur degc
tenant mandant
threshold thresh
ticket tkt
time timestamp ts datetime at zeit zeitpunkt heure hora when date datum fecha on instant moment
tip gratuity trinkgeld
token tok
total tot sum gesamt summe grand
tracking track trk
transaction txn tx trans trx transaktion
transport transit
trip ride fahrt journey
type typ kind art tipo
unit einheit unite unidad
url uri link href
usage used
value val wert valeur valor
variable var
variant var
vehicle veh car fahrzeug vehiculo
version ver vers
visible sichtbar
volume vol volumen
warehouse whse lager
warning warn
website web homepage
week woche semaine
weight wt wgt gewicht poids peso
wind windspeed
year yr jahr annee
start begin pickup departure origin
finish end dropoff arrival destination
prompt input request
completion output response
host server node peer
client remote caller
created opened submitted placed issued
recorded observed measured captured
phone mobile telephone
statement query text
operation method verb command
creator author poster writer
identifier code number
agent bot
kind category class
"""

PHRASES: dict[str, str] = {
    "given name": "firstname",
    "first name": "firstname",
    "family name": "lastname",
    "last name": "lastname",
    "postal code": "postal",
    "post code": "postal",
    "zip code": "postal",
    "user agent": "browser",
    "drop off": "dropoff",
    "pick up": "pickup",
    "sign up": "register",
    "e mail": "email",
    "mail address": "email",
    "time stamp": "time",
    "ip address": "ip",
    "order number": "order identifier",
}
"""Two tokens that are one word elsewhere."""

GENERIC: frozenset[str] = frozenset(
    [
        "identifier",
        "name",
        "value",
        "code",
        "type",
        "data",
        "object",
        "information",
        "detail",
        "list",
        "item",
        "attribute",
        "field",
        "record",
        "event",
        "status",
        "flag",
        "number",
        "count",
        "time",
        "text",
        "body",
        "is",
        "has",
        "property",
        "the",
        "of",
        "key",
        "amount",
        "current",
        "entity",
        "meta",
        "payload",
        "content",
        "details",
        "attributes",
    ]
)
"""Words (by the first of their group) that say little: nearly every schema has them."""

QUALIFIERS: frozenset[str] = frozenset(
    [
        "previous",
        "prev",
        "prior",
        "old",
        "former",
        "next",
        "average",
        "avg",
        "mean",
        "median",
        "minimum",
        "min",
        "maximum",
        "max",
        "estimated",
        "estimate",
        "est",
        "expected",
        "planned",
        "plan",
        "predicted",
        "forecast",
        "actual",
        "target",
        "desired",
        "effective",
        "intended",
        "proposed",
        "upcoming",
        "future",
        "past",
        "recent",
        "temporary",
        "list",
        "initial",
        "final",
        "first",
        "last",
        "total",
        "sub",
        "subtotal",
        "partial",
        "remaining",
        "billed",
        "unbilled",
        "pending",
        "refunded",
        "refund",
        "raw",
        "adjusted",
        "corrected",
        "daily",
        "weekly",
        "monthly",
        "yearly",
        "annual",
        "test",
        "dummy",
        "backup",
        "shadow",
        "legacy",
        "alternate",
        "alt",
        "discount",
        "discounted",
        "approximate",
        "approx",
        "best",
        "worst",
        "cumulative",
        "delta",
        "requested",
        "confirmed",
        "reserved",
        "available",
        "feels",
        "apparent",
        "dew",
        "wet",
        "dry",
        "promised",
        "scheduled",
        "peak",
        "rolling",
        "smoothed",
        "normalized",
        "projected",
        "budget",
        "theoretical",
        "nominal",
        "simulated",
        "default",
        "preferred",
        "lifetime",
        "foreign",
        "local",
        "converted",
        "equivalent",
        "settlement",
        "presentment",
        "ytd",
        "mtd",
        "std",
        "stddev",
        "variance",
        "p50",
        "p95",
        "p99",
        "percentile",
        "rank",
        "change",
        "diff",
        "difference",
        "growth",
        "secondary",
        "second",
        "backup",
        "fallback",
    ]
)
"""Words that make another quantity of a name. One side having one of these and the other not is a reason to doubt."""

NEGATIONS: frozenset[str] = frozenset(
    ["not", "no", "non", "un", "never", "without", "dis", "anti", "excluded", "disabled", "inactive"]
)
"""Words that turn a boolean round."""

OPPOSITES: tuple[frozenset[str], ...] = tuple(
    frozenset(pair.split())
    for pair in [
        "start end",
        "begin end",
        "from to",
        "origin destination",
        "source target",
        "pickup dropoff",
        "sender recipient",
        "debtor creditor",
        "payer payee",
        "input output",
        "prompt completion",
        "minimum maximum",
        "low high",
        "upper lower",
        "open close",
        "billing shipping",
        "net gross",
        "create modify",
        "first last",
        "create delete",
        "latitude longitude",
        "width height",
        "received sent",
        "receive publish",
        "departure arrival",
        "departed arrived",
        "buyer merchant",
        "credit debit",
        "click impression",
        "request response",
        "inbound outbound",
        "incoming outgoing",
        "read write",
        "previous current",
        "old new",
        "home away",
        "home work",
        "primary secondary",
        "left right",
        "firstname lastname",
        "subtotal total",
        "origin delivery",
        "used free",
        "client merchant",
        "buy sell",
        "bid ask",
        "systolic diastolic",
        "likes dislikes",
        "upload download",
        "ingress egress",
        "hits misses",
        "debit balance",
        "parent child",
        "local remote",
    ]
)
"""Pairs that are never the same thing."""

UNIT_WORDS: dict[str, tuple[str, float]] = {
    "cents": ("money", 0.01),
    "cent": ("money", 0.01),
    "minor": ("money", 0.01),
    "pence": ("money", 0.01),
    "pennies": ("money", 0.01),
    "centimes": ("money", 0.01),
    "micros": ("any", 1e-6),
    "millis": ("time", 1e-3),
    "ms": ("time", 1e-3),
    "msec": ("time", 1e-3),
    "milliseconds": ("time", 1e-3),
    "us": ("time", 1e-6),
    "usec": ("time", 1e-6),
    "microseconds": ("time", 1e-6),
    "ns": ("time", 1e-9),
    "nanos": ("time", 1e-9),
    "nanoseconds": ("time", 1e-9),
    "s": ("time", 1.0),
    "sec": ("time", 1.0),
    "secs": ("time", 1.0),
    "seconds": ("time", 1.0),
    "min": ("time", 60.0),
    "mins": ("time", 60.0),
    "minutes": ("time", 60.0),
    "hrs": ("time", 3600.0),
    "hours": ("time", 3600.0),
    "days": ("time", 86400.0),
    "mm": ("length", 1e-3),
    "cm": ("length", 1e-2),
    "m": ("length", 1.0),
    "meters": ("length", 1.0),
    "metres": ("length", 1.0),
    "km": ("length", 1e3),
    "kilometers": ("length", 1e3),
    "mi": ("length", 1609.344),
    "miles": ("length", 1609.344),
    "ft": ("length", 0.3048),
    "feet": ("length", 0.3048),
    "inch": ("length", 0.0254),
    "inches": ("length", 0.0254),
    "yd": ("length", 0.9144),
    "mg": ("mass", 1e-6),
    "g": ("mass", 1e-3),
    "grams": ("mass", 1e-3),
    "gram": ("mass", 1e-3),
    "kg": ("mass", 1.0),
    "kilograms": ("mass", 1.0),
    "lb": ("mass", 0.45359237),
    "lbs": ("mass", 0.45359237),
    "pounds": ("mass", 0.45359237),
    "oz": ("mass", 0.028349523125),
    "tons": ("mass", 1000.0),
    "kmh": ("speed", 1.0),
    "kph": ("speed", 1.0),
    "mph": ("speed", 1.609344),
    "mps": ("speed", 3.6),
    "knots": ("speed", 1.852),
    "kn": ("speed", 1.852),
    "pa": ("pressure", 1.0),
    "hpa": ("pressure", 100.0),
    "kpa": ("pressure", 1000.0),
    "mbar": ("pressure", 100.0),
    "bar": ("pressure", 100000.0),
    "psi": ("pressure", 6894.757293168),
    "mmhg": ("pressure", 133.322387415),
    "inhg": ("pressure", 3386.389),
    "b": ("bytes", 1.0),
    "bytes": ("bytes", 1.0),
    "kb": ("bytes", 1e3),
    "mb": ("bytes", 1e6),
    "gb": ("bytes", 1e9),
    "kib": ("bytes", 1024.0),
    "mib": ("bytes", 1024.0**2),
    "gib": ("bytes", 1024.0**3),
    "pct": ("share", 0.01),
    "percent": ("share", 0.01),
    "perc": ("share", 0.01),
    "percentage": ("share", 0.01),
    "ratio": ("share", 1.0),
    "fraction": ("share", 1.0),
    "share": ("share", 1.0),
    "bps": ("share", 1e-4),
    "permille": ("share", 1e-3),
    "w": ("power", 1.0),
    "kw": ("power", 1e3),
    "mw": ("power", 1e6),
    "wh": ("energy", 1.0),
    "kwh": ("energy", 1e3),
    "mwh": ("energy", 1e6),
    "j": ("energy", 1 / 3600),
    "kj": ("energy", 1000 / 3600),
    "v": ("voltage", 1.0),
    "mv": ("voltage", 1e-3),
    "l": ("volume", 1.0),
    "liters": ("volume", 1.0),
    "litres": ("volume", 1.0),
    "ml": ("volume", 1e-3),
    "gal": ("volume", 3.785411784),
    "gallons": ("volume", 3.785411784),
    "celsius": ("temperature", 1.0),
    "c": ("temperature", 1.0),
    "fahrenheit": ("temperature", 1.8),
    "f": ("temperature", 1.8),
    "kelvin": ("temperature", 2.0),
    "k": ("any", 1e3),
    "thousands": ("any", 1e3),
    "eur": ("money", 1.0),
    "usd": ("money", 1.0),
    "gbp": ("money", 1.0),
    "euro": ("money", 1.0),
    "epoch": ("epoch", 1.0),
    "unix": ("epoch", 1.0),
}
"""Unit words at the end of a name: (dimension, size in the dimension's base unit)."""


def _canonical() -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    for line in _GROUPS.strip().splitlines():
        words = line.split()
        for word in words:
            table.setdefault(word, []).append(words[0])
    return {word: tuple(dict.fromkeys(heads)) for word, heads in table.items()}


CANONICAL: dict[str, tuple[str, ...]] = _canonical()
"""Word -> the first words of the groups that it is in; a word may be in several (`lat`, `rev`)."""
