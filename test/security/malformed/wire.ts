import { connect, type Socket } from 'node:net';

/** A request down to its bytes. */
export interface Wire {
  readonly bytes: Buffer;
  /** Breaks the rules of HTTP: it may be answered by Node itself, or not at all, and its connection is not used again. */
  readonly broken: boolean;
  /** More was promised than there is: the client ends its side, or the server would wait. */
  readonly ends?: boolean;
  /** The body that the server must see, where that is another one than the draft's. */
  readonly body?: Buffer;
}

export interface Answer {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  /** By lower-case name; the last one of several. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** It answers HEAD: its head tells of a body that is left out. */
  readonly headOnly: boolean;
  readonly ms: number;
}

/** The server did not say a word. */
const PATIENCE_MS = 15_000;
const NOTHING: Omit<Answer, 'ms'> = { status: 0, headers: new Map(), body: Buffer.alloc(0), headOnly: false };
const HEAD_END = Buffer.from('\r\n\r\n');
const HEAD = Buffer.from('HEAD ');

/** A client with one connection, which is kept alive for as long as the server keeps it, one request at a time. */
export class WireClient {
  private socket: Socket | undefined;
  private received = Buffer.alloc(0);
  private settle: ((answer: Omit<Answer, 'ms'>) => void) | undefined;
  /** What is under way asks for a head alone. */
  private headOnly = false;
  /** Connections that were made. */
  connections = 0;

  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  /** @throws {Error} when nothing at all happens. */
  async send({ bytes, broken, ends }: Wire): Promise<Answer> {
    const started = performance.now();
    const socket = this.open();
    const { promise, resolve, reject } = Promise.withResolvers<Omit<Answer, 'ms'>>();
    const watchdog = setTimeout(() => reject(new Error(`No answer within ${PATIENCE_MS} ms.`)), PATIENCE_MS);
    this.settle = resolve;
    this.received = Buffer.alloc(0);
    this.headOnly = HEAD.equals(bytes.subarray(0, HEAD.length));
    socket.write(bytes);
    if (ends) socket.end();
    try {
      const answer = await promise;
      if (broken || answer.headers.get('connection') === 'close') this.close();
      return { ...answer, ms: performance.now() - started };
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(watchdog);
    }
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private open(): Socket {
    if (this.socket && !this.socket.destroyed) return this.socket;
    this.connections++;
    const socket = connect({ host: this.host, port: this.port, noDelay: true, allowHalfOpen: true });
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.settle?.(NOTHING);
    });
    this.socket = socket;
    return socket;
  }

  private take(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
    const answer = answerIn(this.received, this.headOnly);
    if (answer) this.settle?.(answer);
  }
}

/** The first final answer that is complete; undefined while it is not. */
function answerIn(bytes: Buffer, headOnly: boolean): Omit<Answer, 'ms'> | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const [line = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(line.split(' ')[1]);
  const rest = bytes.subarray(end + HEAD_END.length);
  // "100 Continue" comes before the answer.
  if (status < 200) return answerIn(rest, headOnly);
  const headers = new Map(
    lines.map((text) => {
      const colon = text.indexOf(':');
      return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
    }),
  );
  const body = headOnly ? Buffer.alloc(0) : bodyIn(rest, status, headers);
  return body && { status, headers, body, headOnly };
}

function bodyIn(rest: Buffer, status: number, headers: ReadonlyMap<string, string>): Buffer | undefined {
  if (status === 204 || status === 304) return Buffer.alloc(0);
  if (headers.get('transfer-encoding') === 'chunked') return joined(rest);
  const length = Number(headers.get('content-length') ?? 0);
  return rest.length >= length ? rest.subarray(0, length) : undefined;
}

/** The chunks in a row; undefined before the last one has come. */
function joined(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (size === 0) return Buffer.concat(chunks);
    const from = end + 2;
    chunks.push(bytes.subarray(from, from + size));
    at = from + size + 2;
  }
}
