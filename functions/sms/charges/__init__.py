"""What texts cost and what comes back: caps, settlement and refunds of a batch's credits."""
