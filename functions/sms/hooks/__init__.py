"""Telling customers' systems: events, webhooks and each delivery to one."""
