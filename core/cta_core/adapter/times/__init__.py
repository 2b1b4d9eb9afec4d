"""Dates and times of adapters: formats, zones, exact readers and writers."""

from cta_core.adapter.times.form import EPOCHS, Form, form_of
from cta_core.adapter.times.reader import reader
from cta_core.adapter.times.writer import writer
from cta_core.adapter.times.zone import SECOND, Zone, zone_of

__all__ = ["EPOCHS", "SECOND", "Form", "Zone", "form_of", "reader", "writer", "zone_of"]
