"""The words of the screen. Pure. Which sentence goes where:

`names`: a service, a process, an address, the sign of a state.
`links`: what a link does, and how ssh and QUIC are now.
`outage`: an outage, for the plain lines and for the table.
`lines`: one event as lines, for plain lines and the log of the table.
`journal`: lines that repeat, and the lines of the past.
`around`: the text around the table: header, path, notice, why it is empty, details of a row.
`keys`: the keys of the table, their help, and why one does nothing.

Why something is so is a Cause: port_linker/cause.py words it. Here code compares its code only.
"""
