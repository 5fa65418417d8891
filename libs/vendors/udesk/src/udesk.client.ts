import {
  type ActionResult,
  CHANNEL_CLOSED,
  type ChannelClient,
  type ChannelContext,
  type CheckResult,
  failedCheck,
  type IdentityRef,
  OpenCalls,
  type SendOutcome,
} from '@bellhop/contracts';
import { UdeskActions } from './udesk.actions.js';
import { UdeskApi } from './udesk.api.js';
import type { CustomerInput, H5LinkInput, SignIdentityInput, SurveyAnswerInput } from './udesk.inputs.js';
import type { UdeskConfig } from './udesk.manifest.js';
import { UdeskSwitch } from './udesk.switch.js';

/** A customer whom nobody has; Udesk answers that it is invalid, and takes note of nothing. */
const PROBE = { web_token: 'bellhop_connection_test' };

/** One Udesk account, opened. It holds no connection of its own. */
export class UdeskClient implements ChannelClient {
  readonly pushSwitch = {
    set: (user: IdentityRef, on: boolean, signal: AbortSignal): Promise<SendOutcome> =>
      this.#calls.run(() => this.#switch.set(user, on, signal), CHANNEL_CLOSED),
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
  readonly #calls = new OpenCalls();

  constructor(
    private readonly config: UdeskConfig,
    context: ChannelContext,
  ) {
    const api = new UdeskApi(config, context);
    this.#switch = new UdeskSwitch(api, config, context);
    this.#actions = new UdeskActions(api, this.#switch, config, context);
  }

  check(signal: AbortSignal): Promise<CheckResult> {
    return this.#calls.check(() => this.#check(signal));
  }

  close(): Promise<void> {
    return this.#calls.close();
  }

  async #check(signal: AbortSignal): Promise<CheckResult> {
    const { baseUrl, email, apiToken } = this.config;
    if (!baseUrl && !email && !apiToken) return { ok: true, detail: 'Set up for callbacks; nothing was called.' };
    const reply = await this.#actions.askStatus(PROBE, signal);
    return reply.ok ? { ok: true, detail: 'Udesk accepted a signed call.' } : failedCheck(reply.outcome);
  }

  #act(work: () => Promise<ActionResult>): Promise<ActionResult> {
    return this.#calls.run(work, { ok: false, outcome: CHANNEL_CLOSED });
  }
}
