import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { And, type FindOptionsWhere, LessThan, MoreThanOrEqual, Repository } from 'typeorm';
import { internalId } from '../../platform/ids.js';
import type { PageLoader } from '../../platform/pagination.js';
import { type ActorKind, AuditEntry } from './audit-entry.entity.js';

/** Absent: whatever it is. Ids are public ones. */
export interface AuditFilter {
  readonly appId?: string;
  readonly action?: string;
  readonly target?: string;
  readonly actor?: string;
  readonly actorKind?: ActorKind;
  /** ISO 8601; `from` is included, `to` is not. */
  readonly from?: string;
  readonly to?: string;
}

/** Reads the audit. */
@Injectable()
export class AuditService {
  constructor(@InjectRepository(AuditEntry) private readonly entries: Repository<AuditEntry>) {}

  load(filter: AuditFilter): PageLoader<AuditEntry> {
    const where = conditionsOf(filter);
    return (before, take) =>
      this.entries.find({ where: { ...where, ...(before && { id: LessThan(before) }) }, order: { id: 'DESC' }, take });
  }
}

function conditionsOf({
  appId,
  actor,
  action,
  target,
  actorKind,
  from,
  to,
}: AuditFilter): FindOptionsWhere<AuditEntry> {
  const times = [...(from ? [MoreThanOrEqual(new Date(from))] : []), ...(to ? [LessThan(new Date(to))] : [])];
  return {
    ...(appId && { appId: internalId('app', appId) }),
    ...(actor && { actorId: internalId(actor.startsWith('opr_') ? 'opr' : 'key', actor) }),
    ...(action && { action }),
    ...(target && { target }),
    ...(actorKind && { actorKind }),
    ...(times.length > 0 && { at: And(...times) }),
  };
}
