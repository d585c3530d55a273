"""Components with inboxes and outboxes, wired like pipes, across processes and machines."""
