"""The demo: a new tenant registers, pays, sends to a customer list, and sees what became of each text."""
