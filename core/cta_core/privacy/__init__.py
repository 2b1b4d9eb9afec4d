"""Privacy: which fields are masked before an event is stored or shown, and what masked events still prove."""

from cta_core.privacy.mask import Mask, Method
from cta_core.privacy.masker import Masker

__all__ = ["Mask", "Masker", "Method"]
