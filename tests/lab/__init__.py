"""Two hosts on one machine: network namespaces, a real sshd, links that can be cut and slowed."""
