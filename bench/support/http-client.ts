/** The smallest HTTP/1.1 client that will do: a client library would take CPU from the server it measures. */
import { connect, type Socket } from 'node:net';

/** Where callbacks go. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Beside those of the vendor. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Whole requests, ready for {@link Connection.send}. */
export interface Prepared {
  readonly address: Address;
  readonly requests: readonly Buffer[];
}

/** Status of an exchange that ended without an answer. */
const HUNG_UP = 0;

/** A connection that is kept alive; one request at a time. */
export class Connection {
  closed = false;
  private readonly socket: Socket;
  private text = '';
  private answered: ((status: number) => void) | undefined;

  /** Connects at once; a request may be written before that is done. */
  constructor({ host, port }: Address) {
    this.socket = connect(port, host).setNoDelay(true);
    this.socket.on('data', (chunk) => this.take(chunk));
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.closed = true;
      this.settle(HUNG_UP);
    });
  }

  /** Resolves once it is connected, or has failed to. */
  async ready(): Promise<this> {
    if (this.socket.connecting) {
      await new Promise<void>((resolve) => this.socket.once('connect', resolve).once('close', () => resolve()));
    }
    return this;
  }

  /** @param answered gets the status when the answer is complete, {@link HUNG_UP} when none comes. */
  send(request: Buffer, answered: (status: number) => void): void {
    this.answered = answered;
    if (this.closed) this.settle(HUNG_UP);
    else this.socket.write(request);
  }

  end(): void {
    this.socket.destroy();
  }

  private take(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
    const end = this.text.indexOf('\r\n\r\n');
    if (end < 0 || !isWhole(this.text, end)) return;
    const status = Number(this.text.slice(9, 12));
    this.text = '';
    this.settle(status);
  }

  private settle(status: number): void {
    const { answered } = this;
    this.answered = undefined;
    answered?.(status);
  }
}

function isWhole(text: string, headEnd: number): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (length !== undefined) return text.length >= headEnd + 4 + Number(length);
  return !/\r\ntransfer-encoding: *chunked/i.test(text) || text.endsWith('0\r\n\r\n');
}
