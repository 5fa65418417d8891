import { type IncomingHttpHeaders, request } from 'node:http';

export interface RawReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RawOptions {
  /** Default POST. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Leaves the request open: whatever comes back comes before its end. */
  readonly unfinished?: boolean;
}

/** Bytes as they are: no content type, no decoding, and a request that may never end. */
export function rawRequest(url: string, options: RawOptions = {}): Promise<RawReply> {
  const { method = 'POST', headers, body, unfinished } = options;
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString() });
        req.destroy();
      });
    });
    req.on('error', reject);
    if (body !== undefined) req.write(body);
    if (unfinished) req.flushHeaders();
    else req.end();
  });
}
