"""How the service is known to its machine: what starts it there, as whom, and what it reports to systemd."""
