import { ConfigField, type InboundManifest } from '@bellhop/contracts';
import { IsString, MinLength } from 'class-validator';

export class AcmeConfig {
  @ConfigField({ title: 'Shared secret', description: 'Acme console › Callbacks.', secret: true })
  @IsString()
  @MinLength(16)
  secret!: string;
}

export const acmeManifest: InboundManifest<AcmeConfig> = {
  id: 'acme',
  name: 'Acme Orders',
  summary: 'Tells when an order has left the house.',
  documentation: 'https://example.com/acme/callbacks',
  setup:
    '1. Choose a secret in the Acme console under *Callbacks* and enter it here.\n2. Enter the inbound address there.',
  config: AcmeConfig,
  authenticity: 'shared-secret',
  methods: ['POST'],
  emits: ['acme.order_shipped'],
  identities: [{ kind: 'acme.customer', summary: 'Customer number, which is our user id.', direct: true }],
};
