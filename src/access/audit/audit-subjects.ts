import { Injectable, Logger } from '@nestjs/common';
import { type IdPrefix, internalId } from '../../platform/ids.js';

/** A kind of thing whose state the audit shows before and after a change. */
export interface AuditSubject {
  /** Name of the part of the path that holds its id (`integrationId`). */
  readonly param: string;
  readonly prefix: IdPrefix;
  /**
   * As the API shows it, without secrets; undefined when there is none.
   * @param appId of the call; undefined when it belongs to no app.
   */
  load(id: string, appId: string | undefined): Promise<object | undefined>;
}

/** What a call is about. */
export interface AuditTarget {
  readonly publicId: string;
  readonly subject: AuditSubject;
}

/** The kinds of things that can be followed. Each module adds its own at start. */
@Injectable()
export class AuditSubjects {
  private readonly logger = new Logger(AuditSubjects.name);
  private readonly subjects: AuditSubject[] = [];

  register(...subjects: readonly AuditSubject[]): void {
    this.subjects.push(...subjects);
  }

  /** What a path names: the last of its parts that is followed. Calls about a person are told by the person's id. */
  addressed(params: Readonly<Record<string, string>>): AuditTarget | undefined {
    if ('userId' in params) return undefined;
    const named = Object.entries(params).flatMap(([param, publicId]) => {
      const subject = this.subjects.find((it) => it.param === param);
      return subject ? [{ publicId, subject }] : [];
    });
    return named.at(-1);
  }

  /** What a fresh id names. */
  created(publicId: string): AuditTarget | undefined {
    const subject = this.subjects.find(({ prefix }) => publicId.startsWith(`${prefix}_`));
    return subject && { publicId, subject };
  }

  /** Its state now; undefined when it does not exist or cannot be read, which the call itself will have to say. */
  async look({ publicId, subject }: AuditTarget, appId: string | undefined): Promise<object | undefined> {
    try {
      return await subject.load(internalId(subject.prefix, publicId), appId);
    } catch (error) {
      this.logger.debug({ err: error, target: publicId }, 'The state of a target was not read');
      return undefined;
    }
  }
}
