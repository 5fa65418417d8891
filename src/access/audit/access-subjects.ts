import { Injectable, type OnModuleInit } from '@nestjs/common';
import { apiKeyView, appView } from '../access.dto.js';
import { AccessService } from '../access.service.js';
import { ApiKeysService } from '../api-keys.service.js';
import { operatorView } from '../operators/operators.dto.js';
import { OperatorsService } from '../operators/operators.service.js';
import { AuditSubjects } from './audit-subjects.js';

/** Apps, keys and operators, as the audit shows them. */
@Injectable()
export class AccessSubjects implements OnModuleInit {
  constructor(
    private readonly subjects: AuditSubjects,
    private readonly access: AccessService,
    private readonly keys: ApiKeysService,
    private readonly operators: OperatorsService,
  ) {}

  onModuleInit(): void {
    this.subjects.register(
      { param: 'appId', prefix: 'app', load: async (id) => appView(await this.access.getApp(id)) },
      { param: 'keyId', prefix: 'key', load: (id) => this.key(id) },
      { param: 'operatorId', prefix: 'opr', load: async (id) => operatorView(await this.operators.get(id)) },
    );
  }

  private async key(id: string): Promise<object | undefined> {
    const key = await this.keys.named(id);
    return key && apiKeyView(key);
  }
}
