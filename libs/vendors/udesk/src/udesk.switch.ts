import {
  type ChannelContext,
  type IdentityRef,
  type SendFailure,
  type SendOutcome,
  sha256Hex,
} from '@bellhop/contracts';
import { missing, type UdeskApi, type UdeskCall } from './udesk.api.js';
import { TOKEN_NAMES, type TokenName } from './udesk.inputs.js';
import type { UdeskConfig } from './udesk.manifest.js';
import { outcomeOfSwitch } from './udesk.outcomes.js';

/** Body of `POST im/h5push`. Source: doc/im_h5_push.md: exactly one token. */
export type SwitchBody = Readonly<Partial<Record<TokenName, string>>> & {
  readonly im_web_plugin_id: number;
  readonly h5push: boolean;
};

/** The call for a body, or why it must not be made. */
export function switchCall(body: SwitchBody): UdeskCall | SendFailure {
  const tokens = TOKEN_NAMES.filter((name) => body[name]);
  if (tokens.length !== 1) return { kind: 'rejected', reason: 'identity.exactly_one' };
  return { method: 'POST', path: 'im/h5push', body, repeatable: true };
}

/** How long a switch that was turned on counts as on. */
const REMEMBER_MS = 24 * 3_600_000;
const ON = 'on';

/** A failure on its way through {@link SharedState.cached}, which keeps what does not throw. */
class SwitchFailure extends Error {
  constructor(readonly outcome: SendFailure) {
    super(outcome.reason);
  }
}

/** Forces pushing on or off: what Udesk itself takes for "offline" is unreliable on phones. */
export class UdeskSwitch {
  constructor(
    private readonly api: UdeskApi,
    private readonly config: UdeskConfig,
    private readonly context: Pick<ChannelContext, 'now' | 'shared'>,
  ) {}

  /** @param user of one of the kinds `udesk.web_token`, `udesk.customer_token`, `udesk.sdk_token`. */
  async set(user: IdentityRef, on: boolean, signal: AbortSignal): Promise<SendOutcome> {
    const plugin = this.config.imWebPluginId;
    if (!plugin) return missing('imWebPluginId');
    const kind = user.kind.replace(/^udesk\./, '') as TokenName;
    const outcome = await this.#turn(kind, user.value, plugin, on, signal);
    if (outcome.kind === 'accepted' && !on) await this.#forget(this.#key(kind, user.value, plugin));
    return outcome;
  }

  /** Turns pushing on unless that was done within 24 hours: 60 calls a minute do not last for every visit of a page. */
  async ensureOn(kind: TokenName, token: string, plugin: number, signal: AbortSignal): Promise<SendOutcome> {
    try {
      await this.context.shared.cached(this.#key(kind, token, plugin), async () => {
        const outcome = await this.#turn(kind, token, plugin, true, signal);
        if (outcome.kind !== 'accepted') throw new SwitchFailure(outcome);
        return { value: ON, expiresAt: new Date(this.context.now().getTime() + REMEMBER_MS) };
      });
      return { kind: 'accepted' };
    } catch (error) {
      if (error instanceof SwitchFailure) return error.outcome;
      throw error;
    }
  }

  async #turn(kind: TokenName, token: string, plugin: number, on: boolean, signal: AbortSignal): Promise<SendOutcome> {
    const call = switchCall({ [kind]: token, im_web_plugin_id: plugin, h5push: on });
    return 'kind' in call ? call : outcomeOfSwitch(await this.api.call(call, signal), on);
  }

  /** Leaves an entry that has expired already. */
  async #forget(key: string): Promise<void> {
    const expiresAt = this.context.now();
    await this.context.shared.cached(key, () => Promise.resolve({ value: 'off', expiresAt }), { stale: ON });
  }

  /** A digest, since tokens name people. Another address is another account. */
  #key(kind: TokenName, token: string, plugin: number): string {
    return `h5push:${sha256Hex([this.config.baseUrl, plugin, kind, token].join('\n'))}`;
  }
}
