# A process between the nodes: every node dials its peers through it, so that links can be cut.
"""
    link_proxy.py FROM:TO:LISTEN_HOST:LISTEN_PORT:NODE_HOST:NODE_PORT ...

Commands on standard input, each answered by a line `ok`: `drop FROM TO` (what is sent is held back, as
if no packet came through, new connections hang), `refuse FROM TO` (closes them, takes no new ones) and
`heal FROM TO`. It says `ready` once it listens, and ends with its input.
"""
import asyncio
import sys


class Link:
    """The connections that one node makes to one other."""

    def __init__(self, node):
        self.node = node
        self.passing = asyncio.Event()
        self.passing.set()
        self.refusing = False
        self.writers = set()

    async def accept(self, reader, writer):
        pair = [writer]
        try:
            if self.refusing:
                return
            self.writers.add(writer)
            await self.passing.wait()
            far_reader, far_writer = await asyncio.open_connection(*self.node)
            pair.append(far_writer)
            self.writers.add(far_writer)
            there = asyncio.create_task(self.pump(reader, far_writer))
            back = asyncio.create_task(self.pump(far_reader, writer))
            await asyncio.wait({there, back})
        except OSError:
            pass  # the node is down
        finally:
            for one in pair:
                self.writers.discard(one)
                one.transport.abort()

    async def pump(self, reader, writer):
        """Until either end closes; then the other is closed too, as no node half-closes."""
        try:
            while data := await reader.read(1 << 16):
                await self.passing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def heal(self):
        self.refusing = False
        self.passing.set()

    def drop(self):
        self.passing.clear()

    def refuse(self):
        self.refusing = True
        for writer in self.writers:
            writer.transport.abort()


async def main():
    links = {}
    servers = []
    for argument in sys.argv[1:]:
        source, target, host, port, node_host, node_port = argument.split(":")
        links[source, target] = link = Link((node_host, int(node_port)))
        servers.append(await asyncio.start_server(link.accept, host, int(port)))
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, source, target = line.split()
        getattr(links[source, target], verb)()
        print("ok", flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
