import { type InboundEvent, isRecord, MalformedPayloadError, textOf } from '@bellhop/contracts';

/** `{ "order": "42", "customer": "user_1", "carrier": "UPS" }` → the event. @throws {MalformedPayloadError} */
export function readAcme(body: Buffer): InboundEvent {
  const { order, customer, carrier } = fieldsOf(body);
  return {
    kind: 'acme.order_shipped',
    key: `order:${order}`,
    recipient: { identities: [{ kind: 'acme.customer', value: customer }], devices: [] },
    copy: { title: 'Order shipped', body: `Order ${order} is on its way with ${carrier}` },
    push: { notify: true, deepLink: `orders/${encodeURIComponent(order)}`, extras: { vendor: 'acme', order } },
  };
}

function fieldsOf(body: Buffer): { order: string; customer: string; carrier: string } {
  const value = parse(body);
  const [order, customer] = isRecord(value) ? [textOf(value.order), textOf(value.customer)] : [];
  if (!isRecord(value) || !order || !customer) {
    throw new MalformedPayloadError('acme.field_missing', 'The body must have order and customer.');
  }
  return { order, customer, carrier: textOf(value.carrier) ?? 'the post' };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    throw new MalformedPayloadError('acme.body_not_json', 'The body is no JSON.');
  }
}
