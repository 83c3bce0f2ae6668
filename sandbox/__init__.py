"""The local cloud: the emulator with the deployed stacks, simulators of the providers, and one front door."""
