import {
  type ActionResult,
  CHANNEL_CLOSED,
  type ChannelClient,
  type ChannelContext,
  type CheckResult,
  failedCheck,
  OpenCalls,
  type SendFailure,
  type SendItem,
  type SendOutcome,
} from '@bellhop/contracts';
import { NimApi } from './nim.api.js';
import type { BroadcastMessageInput, DesktopPushInput } from './nim.inputs.js';
import type { NimConfig } from './nim.manifest.js';
import { ABORTED, type NimReply, type NimResult, outcomeFor } from './nim.outcomes.js';
import { Pace } from './nim.pace.js';
import { planCalls, type PlannedCall, type Preparations } from './nim.plan.js';
import { broadcastRequest, desktopPushRequest, type NimRequest, onlineStatusRequest } from './nim.request.js';

/** Calls of one `send` that wait for their answers at a time. */
const IN_FLIGHT = 16;
/** Whom the connection test asks for when there is no sender. */
const NOBODY = 'bellhop';
/** The checksum was good, and the look-up is not part of the plan. */
const FORBIDDEN = '403';

/** One NIM app, opened. */
export class NimClient implements ChannelClient {
  readonly sender = {
    send: (items: readonly SendItem[], signal: AbortSignal) =>
      this.#calls.run(
        () => this.#send(items, signal),
        items.map(() => CHANNEL_CLOSED),
      ),
  };
  readonly actions = {
    'set-desktop-push': (input: object, signal: AbortSignal) => this.#setDesktopPush(input as DesktopPushInput, signal),
    'broadcast-message': (input: object, signal: AbortSignal) =>
      this.#broadcast(input as BroadcastMessageInput, signal),
  };
  readonly #api: NimApi;
  readonly #known: Preparations = new WeakMap();
  readonly #calls = new OpenCalls();

  constructor(
    private readonly config: NimConfig,
    private readonly context: ChannelContext,
  ) {
    this.#api = new NimApi(config, context);
  }

  /** Asks whether the sender is online: signed like every call, and nobody learns of it. */
  async check(signal: AbortSignal): Promise<CheckResult> {
    const { sender } = this.config;
    const reply = await this.#perform(onlineStatusRequest([sender ?? NOBODY]), signal);
    if (!reply.ok) return toCheck(reply.outcome);
    if (sender === undefined)
      return { ok: true, detail: 'NIM accepts the credentials; without a sender nothing can be sent' };
    if (!reply.result.invalid.has(sender))
      return { ok: true, detail: 'NIM accepts the credentials and knows the sender' };
    return { ok: false, code: 'account.unknown', detail: 'NIM does not know the sender', field: 'sender' };
  }

  close(): Promise<void> {
    return this.#calls.close();
  }

  async #setDesktopPush({ accid, push, api }: DesktopPushInput, signal: AbortSignal): Promise<ActionResult> {
    return toAction(await this.#perform(desktopPushRequest(accid, push, api), signal), () => ({}));
  }

  async #broadcast(input: BroadcastMessageInput, signal: AbortSignal): Promise<ActionResult> {
    const reply = await this.#perform(broadcastRequest(input, this.config.sender), signal);
    return toAction(reply, ({ broadcastId }) => ({ broadcastId }));
  }

  /** One call outside `send`. */
  #perform(request: NimRequest, signal: AbortSignal): Promise<NimReply> {
    return this.#calls.run(() => this.#paced(request, signal), { ok: false, outcome: CHANNEL_CLOSED });
  }

  async #paced(request: NimRequest, signal: AbortSignal): Promise<NimReply> {
    if (signal.aborted) return { ok: false, outcome: ABORTED };
    const held = await this.#pace().enter(request.path, signal);
    return held ? { ok: false, outcome: held } : this.#api.call(request, signal);
  }

  #pace(): Pace {
    return new Pace(this.context.shared, this.config.ratePerSecond);
  }

  async #send(items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const { calls, refused } = planCalls(items, this.config, this.context.now(), this.#known);
    const outcomes: SendOutcome[] = items.map((_, index) => refused.get(index) ?? ABORTED);
    await new Run(this.#api, this.#pace(), calls, outcomes, signal).finish();
    return outcomes;
  }
}

/** The calls of one `send`, in order, several at a time. */
class Run {
  readonly #inFlight = new Set<Promise<void>>();
  /** What all further calls would be told as well: they are not made. */
  #verdict: SendFailure | undefined;

  constructor(
    private readonly api: NimApi,
    private readonly pace: Pace,
    private readonly calls: readonly PlannedCall[],
    /** By place of the item; filled in here. */
    private readonly outcomes: SendOutcome[],
    private readonly signal: AbortSignal,
  ) {}

  async finish(): Promise<void> {
    for (const call of this.calls) {
      if (this.#inFlight.size >= IN_FLIGHT) await Promise.race(this.#inFlight);
      await this.#admit(call);
    }
    await Promise.all(this.#inFlight);
  }

  async #admit(call: PlannedCall): Promise<void> {
    const stopped = this.signal.aborted ? ABORTED : this.#verdict;
    const held = stopped ?? (await this.pace.enter(call.request.path, this.signal));
    if (held) return this.#settle(call, () => held);
    const flight = this.#make(call).finally(() => this.#inFlight.delete(flight));
    this.#inFlight.add(flight);
  }

  async #make(call: PlannedCall): Promise<void> {
    const reply = await this.api.call(call.request, this.signal);
    if (reply.ok) return this.#settle(call, (accid) => outcomeFor(accid, reply.result));
    if (isForAll(reply.outcome)) this.#verdict ??= reply.outcome;
    this.#settle(call, () => reply.outcome);
  }

  #settle({ items }: PlannedCall, outcomeOf: (accid: string) => SendOutcome): void {
    for (const { index, accid } of items) this.outcomes[index] = outcomeOf(accid);
  }
}

/** About the app, not about a message: asking again would only make it worse. */
function isForAll({ kind }: SendFailure): boolean {
  return kind === 'misconfigured' || kind === 'throttled';
}

function toCheck(outcome: SendFailure): CheckResult {
  if (outcome.vendorCode === FORBIDDEN)
    return { ok: true, detail: 'NIM accepts the credentials, and forbids look-ups' };
  return failedCheck(outcome);
}

function toAction(reply: NimReply, dataOf: (result: NimResult) => Readonly<Record<string, unknown>>): ActionResult {
  return reply.ok ? { ok: true, data: dataOf(reply.result) } : reply;
}
