// Faults that are planted in a copy of the source, one at a time, to know that the simulation would notice them. Each is one change of
// text in one file under test; `from` must stand there just once, so that a fault that has lost its place is noticed too.

export interface PlantedFault {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The first seeds show it: run in `npm test` too. */
  readonly quick?: true;
}

export const FAULTS: readonly PlantedFault[] = [
  {
    name: 'a tunnel forgets what its slow side has not taken',
    file: 'src/proxy/tunnel.ts',
    from: '    this.wait(place ^ 1, bytes, start + taken, end);\n  }',
    to: '  }',
  },
  {
    name: 'a tunnel ends when one of its sides has',
    file: 'src/proxy/tunnel.ts',
    from: '& SHUT_BOTH) === SHUT_BOTH)',
    to: '& SHUT_BOTH) !== 0)',
    quick: true,
  },
  {
    name: 'a tunnel has no deadline',
    file: 'src/proxy/tunnel.ts',
    from: 'this.engine.timers.arm(slot, now + start.settings.readTimeoutMs);',
    to: '',
  },
  {
    name: 'a tunnel that ended keeps its peer counted',
    file: 'src/proxy/tunnel.ts',
    from: "if (peer !== undefined) releasePeer(peer, 'ok', late.now);",
    to: '',
    quick: true,
  },
  {
    name: 'what a client sends behind an upgrade is dropped',
    file: 'src/proxy/tunnel-start.ts',
    from: 'if (ahead.length > 0)',
    to: 'if (ahead.length > 1e9)',
  },
  {
    name: 'a queue sends a piece again of which a part was taken',
    file: 'src/proxy/out-queue.ts',
    from: 'this.pieces[0] = piece.subarray(taken);',
    to: 'this.pieces[0] = piece;',
  },
  {
    name: 'a queue overtakes what waits',
    file: 'src/proxy/out-queue.ts',
    from: 'if (this.pendingBytes === 0) {',
    to: 'if (this.pendingBytes < 50) {',
  },
  {
    name: 'a kept connection that has sent more than its answer is used again',
    file: 'src/proxy/peer-connection.ts',
    from: ' || this.surplus) return false;',
    to: ') return false;',
  },
  {
    name: 'a kept connection is used while its request is still being sent',
    file: 'src/proxy/peer-connection.ts',
    from: '!this.sentAll || this.surplus',
    to: 'this.surplus',
  },
  {
    name: 'a POST that a peer may have seen is sent to another',
    file: 'src/proxy/passing.ts',
    from: "new Set(['POST', 'LOCK', 'PATCH'])",
    to: "new Set(['LOCK', 'PATCH'])",
  },
  {
    name: 'an exchange that was passed on is logged twice',
    file: 'src/proxy/run.ts',
    from: 'this.driver.exchangeEnded(this);',
    to: 'if (this.x.attempts.length > 1) this.driver.exchangeEnded(this);\n    this.driver.exchangeEnded(this);',
  },
  {
    name: 'a broken client leaves its exchange running',
    file: 'src/proxy/client-connection.ts',
    from: 'run.event(leaving(run.x, error));\n    run.breakOff();',
    to: '',
  },
  {
    name: 'an answer that was cut ends as if it were whole',
    file: 'src/proxy/peer-connection.ts',
    from: "else if (this.decoder.closed() === 'cut') this.fail(run, ANSWER_CUT);",
    to: '',
  },
  {
    name: 'a body of two readings loses what the first did not use up',
    file: 'src/http/body.ts',
    from: 'this.left -= taken;',
    to: 'this.left -= taken + (taken === 100 ? 1 : 0);',
  },
  {
    name: 'a request that was sent ahead is thrown away',
    file: 'src/proxy/client-connection.ts',
    from: 'if (start < end) this.take(bytes, start, end);\n    if (this.ahead.length',
    to: 'if (this.ahead.length',
  },
  {
    name: 'proxy_read_timeout is not kept',
    file: 'src/proxy/peer-connection.ts',
    from: 'this.readUntil = this.engine.now() + x.pass.settings.readTimeoutMs;',
    to: 'this.readUntil = this.engine.now() + 3 * x.pass.settings.readTimeoutMs;',
  },
  {
    name: 'a client that stops in its head is waited for',
    file: 'src/proxy/client-connection.ts',
    from: 'driver.engine.now() + driver.defaultServer(client).root.core.clientHeaderTimeoutMs;\n    this.deadlines.arm();',
    to: 'driver.engine.now() + 1e7;\n    this.deadlines.arm();',
  },
  {
    name: 'a temporary file is not closed',
    file: 'src/proxy/body-store.ts',
    from: 'if (this.file !== -1) this.files.close(this.file);',
    to: '',
    quick: true,
  },
  {
    name: 'two framings of one request are taken',
    file: 'src/http/head.ts',
    from: 'if (length !== undefined) return errors.LENGTH_AND_ENCODING;',
    to: '',
  },
  {
    name: 'a body that was thrown away counts as sent',
    file: 'src/proxy/request-writer.ts',
    from: 'if (body.whole && !this.ended) this.finish();',
    to: 'if (body.complete && !this.ended) this.finish();',
  },
  {
    name: 'a client waits in vain when its peer has room again',
    file: 'src/proxy/peer-connection.ts',
    from: '      if (!this.queue.full) run.requestDrained();\n',
    to: '',
  },
  {
    name: 'a peer is let go, and its connection is not',
    file: 'src/proxy/pass.ts',
    from: "  x.queue({ do: 'release', keep });",
    to: '',
  },
];
