"""Contracts: what a healthy event looks like, as a JSON Schema that is compiled once, declared or learned."""

from cta_core.contract.breach import Breach
from cta_core.contract.contract import Contract, compile_contract
from cta_core.contract.fields import Field
from cta_core.contract.learn import LearnOptions, learn, merge

__all__ = ["Breach", "Contract", "Field", "LearnOptions", "compile_contract", "learn", "merge"]
