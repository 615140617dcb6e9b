"""An AWS for the laptop: moto's server with honest answers, faults on demand, event sources."""
