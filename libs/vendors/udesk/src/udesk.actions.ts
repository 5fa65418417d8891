import type { ActionResult, ChannelContext } from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import { missing, type UdeskApi } from './udesk.api.js';
import type { CustomerInput, H5LinkInput, SignIdentityInput, SurveyAnswerInput } from './udesk.inputs.js';
import type { UdeskConfig } from './udesk.manifest.js';
import { readCustomerStatus, type UdeskReply } from './udesk.outcomes.js';
import { type SignedCustomer, signCustomer } from './udesk.signature.js';
import type { UdeskSwitch } from './udesk.switch.js';

/**
 * Address of the chat page. `h5push=true` is what makes Udesk push at all; the signed customer is passed flat, as public
 * integrations pass it. Sources: https://www.udesk.cn/doc/thirdparty/webim (address), doc/im_h5_push.md (parameter).
 */
export function h5Link(baseUrl: string, plugin: number, customer?: SignedCustomer): string {
  const query = new URLSearchParams({ web_plugin_id: String(plugin), h5push: 'true', ...customer });
  return `${new URL(baseUrl).origin}/im_client/?${query.toString()}`;
}

/** What Udesk offers besides the switch. */
export class UdeskActions {
  constructor(
    private readonly api: UdeskApi,
    private readonly pushSwitch: UdeskSwitch,
    private readonly config: UdeskConfig,
    private readonly context: Pick<ChannelContext, 'now'>,
  ) {}

  /**
   * The link is good without the switch: Udesk then decides itself who is offline, and a customer who was never there
   * cannot be switched. Only faults of the settings refuse it.
   */
  async h5Link({ kind, token, webPluginId }: H5LinkInput, signal: AbortSignal): Promise<ActionResult> {
    const { baseUrl } = this.config;
    const plugin = webPluginId ?? this.config.imWebPluginId;
    if (!baseUrl) return { ok: false, outcome: missing('baseUrl') };
    if (!plugin) return { ok: false, outcome: missing('imWebPluginId') };
    const outcome = await this.pushSwitch.ensureOn(kind, token, plugin, signal);
    if (outcome.kind === 'misconfigured') return { ok: false, outcome };
    const customer = kind === 'web_token' ? this.#sign(token) : undefined;
    const link = h5Link(baseUrl, plugin, customer);
    const pushing = outcome.kind === 'accepted';
    return {
      ok: true,
      data: { link, signed: customer !== undefined, pushing, ...(!pushing && { reason: outcome.reason }) },
    };
  }

  async signIdentity({ webToken }: SignIdentityInput): Promise<ActionResult> {
    const customer = this.#sign(webToken);
    return customer ? { ok: true, data: { customer } } : { ok: false, outcome: missing('imUserKey') };
  }

  async surveyAnswer(input: SurveyAnswerInput, signal: AbortSignal): Promise<ActionResult> {
    const { conversationId, optionId, remark } = input;
    const body = { im_sub_session_id: Number(conversationId), option_id: optionId, ...(remark && { remark }) };
    const call = { method: 'POST', path: 'im/sessions/survey', body, repeatable: false } as const;
    return resultOf(await this.api.call(call, signal), () => ({}));
  }

  async customerStatus({ kind, token }: CustomerInput, signal: AbortSignal): Promise<ActionResult> {
    const reply = await this.askStatus({ [kind]: token }, signal);
    return resultOf(reply, (fields) => {
      const status = readCustomerStatus(fields);
      return status && { status };
    });
  }

  /** Changes nothing, whoever is asked for. */
  askStatus(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<UdeskReply> {
    return this.api.call({ method: 'GET', path: 'im/customer_status', query, repeatable: true }, signal);
  }

  /** Undefined without the key of the web plugin. */
  #sign(webToken: string): SignedCustomer | undefined {
    const { imUserKey, identityAlgorithm } = this.config;
    if (!imUserKey) return undefined;
    const timestamp = String(this.context.now().getTime());
    return signCustomer(imUserKey, { webToken, timestamp, nonce: randomUUID() }, identityAlgorithm);
  }
}

/** @param read undefined: the answer has not the documented form. */
function resultOf(
  reply: UdeskReply,
  read: (fields: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined,
): ActionResult {
  if (!reply.ok) return reply;
  const data = read(reply.fields);
  return data ? { ok: true, data } : { ok: false, outcome: { kind: 'rejected', reason: 'gateway.unknown_answer' } };
}
