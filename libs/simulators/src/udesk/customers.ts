/** The names of one customer; at least one. */
export interface UdeskTokens {
  readonly web_token?: string;
  readonly customer_token?: string;
  readonly sdk_token?: string;
}

export interface UdeskCustomer {
  pushing: boolean;
  /** 0 nothing, 1 in a conversation, 2 queueing. */
  status: 0 | 1 | 2;
}

/** Of several tokens the first in this order counts. Source: doc/im.md, customer status. */
const ORDER = ['customer_token', 'web_token', 'sdk_token'] as const;

/** The tokens of a request, as far as they are given. */
export function tokensOf(source: Readonly<Record<string, unknown>>): [name: string, token: string][] {
  return ORDER.flatMap((name) => {
    const token = source[name];
    return typeof token === 'string' && token !== '' ? [[name, token] as [string, string]] : [];
  });
}

/** Who is known. */
export class Customers {
  readonly #known = new Map<string, UdeskCustomer>();

  add(tokens: UdeskTokens, status: UdeskCustomer['status'] = 0): UdeskCustomer {
    const customer: UdeskCustomer = { pushing: false, status };
    for (const [name, token] of tokensOf({ ...tokens })) this.#known.set(`${name}:${token}`, customer);
    return customer;
  }

  find([name, token]: readonly [name: string, token: string]): UdeskCustomer | undefined {
    return this.#known.get(`${name}:${token}`);
  }

  reset(): void {
    this.#known.clear();
  }
}
