"""The billing slice: what can be bought, who pays for it and how, and the tenant's balance."""
