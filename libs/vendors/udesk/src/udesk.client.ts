import type {
  ActionResult,
  ChannelClient,
  ChannelContext,
  CheckResult,
  IdentityRef,
  SendOutcome,
} from '@bellhop/contracts';
import { UdeskActions } from './udesk.actions.js';
import { UdeskApi } from './udesk.api.js';
import type { CustomerInput, H5LinkInput, SignIdentityInput, SurveyAnswerInput } from './udesk.inputs.js';
import type { UdeskConfig } from './udesk.manifest.js';
import type { UdeskFailure } from './udesk.outcomes.js';
import { UdeskSwitch } from './udesk.switch.js';

const CLOSED: UdeskFailure = { kind: 'transient', reason: 'channel.closed' };
/** A customer whom nobody has; Udesk answers that it is invalid, and takes note of nothing. */
const PROBE = { web_token: 'bellhop_connection_test' };

/** One Udesk account, opened. It holds no connection of its own. */
export class UdeskClient implements ChannelClient {
  readonly pushSwitch = {
    set: (user: IdentityRef, on: boolean, signal: AbortSignal): Promise<SendOutcome> =>
      this.#whileOpen(() => this.#switch.set(user, on, signal), CLOSED),
  };
  readonly actions = {
    'h5-link': (input: object, signal: AbortSignal) =>
      this.#act(() => this.#actions.h5Link(input as H5LinkInput, signal)),
    'sign-identity': (input: object) => this.#act(() => this.#actions.signIdentity(input as SignIdentityInput)),
    'survey-answer': (input: object, signal: AbortSignal) =>
      this.#act(() => this.#actions.surveyAnswer(input as SurveyAnswerInput, signal)),
    'customer-status': (input: object, signal: AbortSignal) =>
      this.#act(() => this.#actions.customerStatus(input as CustomerInput, signal)),
  };
  readonly #switch: UdeskSwitch;
  readonly #actions: UdeskActions;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(
    private readonly config: UdeskConfig,
    context: ChannelContext,
  ) {
    const api = new UdeskApi(config, context);
    this.#switch = new UdeskSwitch(api, config, context);
    this.#actions = new UdeskActions(api, this.#switch, config, context);
  }

  check(signal: AbortSignal): Promise<CheckResult> {
    const closed = { ok: false, code: CLOSED.reason, detail: 'the client is closed' } as const;
    return this.#whileOpen(() => this.#check(signal), closed);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  async #check(signal: AbortSignal): Promise<CheckResult> {
    const { baseUrl, email, apiToken } = this.config;
    if (!baseUrl && !email && !apiToken) return { ok: true, detail: 'Set up for callbacks; nothing was called.' };
    const reply = await this.#actions.askStatus(PROBE, signal);
    return reply.ok ? { ok: true, detail: 'Udesk accepted a signed call.' } : toCheck(reply.outcome);
  }

  #act(work: () => Promise<ActionResult>): Promise<ActionResult> {
    return this.#whileOpen(work, { ok: false, outcome: CLOSED });
  }

  async #whileOpen<T>(work: () => Promise<T>, closed: T): Promise<T> {
    if (this.#closed) return closed;
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

function toCheck(outcome: UdeskFailure): CheckResult {
  const field = outcome.kind === 'misconfigured' ? outcome.field : undefined;
  const detail = outcome.detail ?? outcome.vendorCode ?? outcome.kind;
  return { ok: false, code: outcome.reason, detail, ...(field && { field }) };
}
