"""The control room: the terminal UI of CTA-ACT.

`feed` talks to the server and turns what it hears into `messages`; `model` is what they add up to; `widgets` draw it
and know neither. `app` puts them together; `command` is `cta tui`.
"""
