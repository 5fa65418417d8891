import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type FindOptionsWhere } from 'typeorm';
import { type AuditSubject, AuditSubjects } from '../access/audit/audit-subjects.js';
import { Clock } from '../platform/clock.js';
import type { IdPrefix } from '../platform/ids.js';
import { InboundEventRow } from './inbound/inbound-event.entity.js';
import { Integration } from './integrations/integration.entity.js';
import { integrationView } from './integrations/integrations.dto.js';
import { IntegrationsService } from './integrations/integrations.service.js';
import { Delivery } from './notifications/delivery.entity.js';
import { Notification } from './notifications/notification.entity.js';
import { Template } from './templates/template.entity.js';
import { templateView } from './templates/templates.dto.js';
import { WebhookEndpoint } from './webhooks/webhook-endpoint.entity.js';
import { WebhookMessage } from './webhooks/webhook-message.entity.js';
import { webhookView } from './webhooks/webhooks.dto.js';

/**
 * What the audit follows of the core: settings as the API shows them, without secrets, and of things that pass through
 * their state alone. People are named by their calls and not followed: the audit outlives what is known of them.
 */
@Injectable()
export class CoreAuditSubjects implements OnModuleInit {
  constructor(
    private readonly subjects: AuditSubjects,
    private readonly dataSource: DataSource,
    private readonly integrations: IntegrationsService,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.subjects.register(
      this.followed('integrationId', 'int', Integration, (row) =>
        integrationView(row, this.integrations.visibleConfig(row)),
      ),
      this.followed('templateId', 'tpl', Template, templateView),
      this.followed('webhookId', 'whk', WebhookEndpoint, (row) => webhookView(row, this.clock.now())),
      this.followed('messageId', 'whm', WebhookMessage, ({ state }) => ({ state })),
      this.followed('notificationId', 'ntf', Notification, progressOf),
      this.followed('deliveryId', 'dlv', Delivery, ({ state, reason }) => ({ state, reason })),
      this.followed('eventId', 'evt', InboundEventRow, ({ state, reason }) => ({ state, reason })),
    );
  }

  private followed<T extends { appId: string; id: string }>(
    param: string,
    prefix: IdPrefix,
    entity: new () => T,
    view: (row: T) => object,
  ): AuditSubject {
    const load = async (id: string, appId: string | undefined): Promise<object | undefined> => {
      if (appId === undefined) return undefined;
      const row = await this.dataSource.manager.findOneBy(entity, { appId, id } as FindOptionsWhere<T>);
      return row ? view(row) : undefined;
    };
    return { param, prefix, load };
  }
}

function progressOf({ state, category, priority, pausedAt, cancelledAt, startsAt, expiresAt }: Notification): object {
  return { state, category, priority, pausedAt, cancelledAt, startsAt, expiresAt };
}
