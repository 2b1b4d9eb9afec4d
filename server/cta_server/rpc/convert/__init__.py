"""Messages to values of the core and back, one module per noun.

Everything that a caller sends is checked here, and all that is wrong with it is said at once (`Problems`); what leaves
is built here as well, so that servicers hold no field names but those of their requests.
"""
