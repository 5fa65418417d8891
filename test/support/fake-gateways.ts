import {
  type ChannelClient,
  type ChannelManifest,
  type DeviceGateway,
  Outbound,
  type OutboundChannel,
} from '@bellhop/contracts';
import { Module } from '@nestjs/common';

export class NoConfig {}

function manifestOf(id: string, gateway: DeviceGateway): ChannelManifest {
  return {
    id,
    name: id,
    summary: 'A gateway of the tests.',
    documentation: 'https://example.com',
    setup: '1. Nothing.',
    config: NoConfig,
    capabilities: { send: { targets: ['device'], maxItemsPerCall: 1, fields: ['title'] } },
    gateway,
  };
}

class FakeChannel implements OutboundChannel {
  constructor(readonly manifest: ChannelManifest) {}

  open(): Promise<ChannelClient> {
    throw new Error('Nothing is sent here.');
  }
}

/** Hexadecimal tokens that are compared in lower case; two environments. */
@Outbound()
export class HexGateway extends FakeChannel {
  constructor() {
    super(
      manifestOf('hex', {
        platforms: ['ios'],
        identifiers: { token: /^[0-9a-f]{32,64}$/ },
        sampleToken: '0'.repeat(64),
        shape: '32 to 64 hexadecimal digits',
        normalize: (token) => token.toLowerCase(),
        environments: true,
        appIdentifier: () => undefined,
      }),
    );
  }
}

/** Two kinds of identifiers, taken as they are. */
@Outbound()
export class WordGateway extends FakeChannel {
  constructor() {
    super(
      manifestOf('word', {
        platforms: ['android', 'ios'],
        identifiers: { token: /^[\w:-]{20,}$/, fid: /^[\w-]{22}$/ },
        sampleToken: 's'.repeat(40),
        shape: '20 or more of A-Z a-z 0-9 _ : -',
        normalize: (token) => token,
        environments: false,
        appIdentifier: () => undefined,
      }),
    );
  }
}

@Module({ providers: [HexGateway, WordGateway] })
export class FakeGatewaysModule {}
