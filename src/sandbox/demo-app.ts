import { newWebhookSecret, UnprocessableError } from '@bellhop/contracts';
import type { INestApplication } from '@nestjs/common';
import { AccessService } from '../access/access.service.js';
import { TagMirrorService } from '../core/audiences/tag-mirror.service.js';
import { TagsService } from '../core/audiences/tags.service.js';
import { DevicesService } from '../core/devices/devices.service.js';
import { IntegrationsService } from '../core/integrations/integrations.service.js';
import { IdentitiesService } from '../core/users/identities.service.js';
import { WEBHOOK_EVENT_TYPES } from '../core/webhooks/webhook-event.js';
import { WebhooksService } from '../core/webhooks/webhooks.service.js';
import { internalId, publicId } from '../platform/ids.js';
import { BUNDLE_ID, CUSTOMER, DEMO_DEVICES, DEMO_PEOPLE, DEMO_USER, type DemoPerson } from './demo-people.js';
import { DEMO_VENDORS, type DemoVendor, type VendorConfigs, type VendorId } from './demo-vendors.js';
import type { Simulators } from './sandbox-simulators.js';
import type { SandboxHooks, SandboxState, SandboxVendor, StoredSandbox } from './sandbox-state.js';

/** More than an app can have. */
const MANY = 200;

/** The app of the sandbox: made at the first start, completed where an earlier release made it, led to the simulators at every start. */
export class DemoApp {
  private readonly integrations: IntegrationsService;
  private readonly webhooks: WebhooksService;

  constructor(
    private readonly app: INestApplication,
    private readonly simulators: Simulators,
    private readonly configs: VendorConfigs,
  ) {
    this.integrations = app.get(IntegrationsService);
    this.webhooks = app.get(WebhooksService);
  }

  /** @param known a state whose app exists. */
  async prepare(known: StoredSandbox | undefined): Promise<SandboxState> {
    const stored = known ?? (await this.create());
    // First of all: what is seeded below goes out, and must stay on this machine.
    await this.pointIntegrations(stored);
    const hooks = await this.pointHooks(stored.appId, stored.hooks ?? (await this.addSendingSide(stored)));
    await this.mirrorTags(stored);
    const vendors = DEMO_VENDORS.map(({ id }) => [id, { ...stored.vendors[id], config: this.configs[id] }]);
    return {
      ...stored,
      vendors: Object.fromEntries(vendors) as SandboxState['vendors'],
      hooks,
      simulators: this.simulators.control,
      receiver: this.simulators.receiver.url,
    };
  }

  private async create(): Promise<StoredSandbox> {
    const access = this.app.get(AccessService);
    const { id: appId } = await access.createApp({ name: 'Demo shop', deepLinkScheme: 'shop' });
    const { key: apiKey } = await access.createApiKey(appId, 'sandbox', ['admin']);
    const apns = await this.integrate(appId, 'apns', 'APNs simulator', this.simulators.configs.apns);
    const fcm = await this.integrate(appId, 'fcm', 'FCM simulator', this.simulators.configs.fcm);
    await this.addPhones(appId, CUSTOMER);
    const vendors: Partial<Record<VendorId, SandboxVendor>> = {};
    for (const vendor of DEMO_VENDORS) vendors[vendor.id] = await this.addVendor(appId, vendor);
    return {
      appId,
      apiKey,
      vendors: vendors as Record<VendorId, SandboxVendor>,
      channels: { apns: apns.id, fcm: fcm.id },
      devices: DEMO_DEVICES,
    };
  }

  /** Further people, tags that RongCloud has as well, and whom our webhooks tell. */
  private async addSendingSide({ appId, vendors }: StoredSandbox): Promise<SandboxHooks> {
    const rongcloud = internalId('int', vendors.rongcloud.integrationId);
    await this.integrations.revise(appId, rongcloud, { settings: { mirrorTags: true } });
    for (const person of DEMO_PEOPLE.filter((one) => one !== CUSTOMER)) await this.addPhones(appId, person);
    for (const { userId, tags } of DEMO_PEOPLE) await this.app.get(TagsService).set(appId, [userId], tags);
    const secret = newWebhookSecret();
    const { id } = await this.integrate(appId, 'webhook', 'Webhook receiver', this.webhookConfig(secret));
    return { integrationId: publicId('int', id), secret };
  }

  private async integrate(appId: string, plugin: string, name: string, config: Readonly<Record<string, unknown>>) {
    const { integration } = await this.integrations.create(appId, { plugin, name, config });
    return integration;
  }

  private async addPhones(appId: string, { userId, phones }: DemoPerson): Promise<void> {
    const devices = this.app.get(DevicesService);
    const apns = { gateway: 'apns', environment: 'production', appIdentifier: BUNDLE_ID } as const;
    for (const { installationId, ...phone } of phones) {
      const gateway = phone.platform === 'ios' ? apns : { gateway: 'fcm' };
      await devices.register({ appId, userId, installationId }, { identifier: 'token', ...phone, ...gateway });
    }
  }

  private async addVendor(appId: string, vendor: DemoVendor): Promise<SandboxVendor> {
    const config = this.configs[vendor.id];
    const { integration, urlSecret } = await this.integrations.create(appId, {
      plugin: vendor.id,
      name: `${vendor.name} (sandbox)`,
      config: this.configOf(vendor),
    });
    const integrationId = publicId('int', integration.id);
    const identities = this.app.get(IdentitiesService);
    if (vendor.identity) await identities.link(appId, DEMO_USER, { integrationId, ...vendor.identity });
    return { integrationId, config, callbackPath: `/v1/inbound/${integrationId}/${urlSecret}` };
  }

  private configOf({ id, settings }: DemoVendor): Record<string, unknown> {
    return { ...settings, ...this.configs[id], ...(id !== 'kf5' && this.simulators.configs[id]) };
  }

  private webhookConfig(secret: string): Record<string, string> {
    return { url: `${this.simulators.receiver.url}/channel`, secret };
  }

  /** The simulators have new addresses and keys at every start. */
  private async pointIntegrations({ appId, channels, vendors }: StoredSandbox): Promise<void> {
    const { configs } = this.simulators;
    await this.integrations.revise(appId, channels.apns, { config: configs.apns });
    await this.integrations.revise(appId, channels.fcm, { config: configs.fcm });
    for (const vendor of DEMO_VENDORS) {
      const id = internalId('int', vendors[vendor.id].integrationId);
      await this.integrations.revise(appId, id, { config: this.configOf(vendor) });
    }
  }

  /** The receiver has a new address at every start, and knows no secret. */
  private async pointHooks(appId: string, { integrationId, secret, endpoint }: SandboxHooks): Promise<SandboxHooks> {
    this.simulators.receiver.trust(secret);
    await this.integrations.revise(appId, internalId('int', integrationId), { config: this.webhookConfig(secret) });
    return { integrationId, secret, endpoint: await this.pointEndpoint(appId, endpoint) };
  }

  /** An endpoint that somebody took away comes back. */
  private async pointEndpoint(appId: string, known: SandboxHooks['endpoint']): Promise<SandboxHooks['endpoint']> {
    const { url } = this.simulators.receiver;
    try {
      const isThere = known && (await this.webhooks.list(appId, MANY)).some(({ id }) => id === known.id);
      if (isThere) await this.webhooks.revise(appId, known.id, { url });
      const endpoint = isThere ? known : await this.addEndpoint(appId, url);
      this.simulators.receiver.trust(endpoint.secret);
      return endpoint;
    } catch (error) {
      // Whoever leaves this machine out of BELLHOP_EGRESS_ALLOW, or uses up the webhooks of the app, goes without.
      if (error instanceof UnprocessableError) return undefined;
      throw error;
    }
  }

  private async addEndpoint(appId: string, url: string): Promise<{ id: string; secret: string }> {
    const description = 'Webhook receiver of the sandbox';
    const { endpoint, secret } = await this.webhooks.create(appId, { url, description, events: WEBHOOK_EVENT_TYPES });
    return { id: endpoint.id, secret };
  }

  /** The simulator has forgotten them. */
  private async mirrorTags({ appId, vendors }: StoredSandbox): Promise<void> {
    const id = internalId('int', vendors.rongcloud.integrationId);
    const { settings } = await this.integrations.get(appId, id);
    if (settings.mirrorTags) await this.app.get(TagMirrorService).mirrorAll(appId, id);
  }
}
