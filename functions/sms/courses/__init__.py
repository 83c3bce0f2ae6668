"""How an open batch is led: started, moved, paused, resumed, called off, or parked for want of credits."""
