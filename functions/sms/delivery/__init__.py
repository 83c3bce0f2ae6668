"""From a chunk to the last word of each message: handing over, delivery reports, asking, and giving up."""
