import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { Preference } from './preference.entity.js';

/** Everything a person can choose. */
export type PreferenceValues = Omit<Preference, 'appId' | 'userId' | 'updatedAt'>;

/** Do-not-disturb, mutes and opt-outs. */
@Injectable()
export class PreferencesService {
  constructor(
    @InjectRepository(Preference) private readonly preferences: Repository<Preference>,
    private readonly clock: Clock,
  ) {}

  /** Null: the person never chose, and the defaults hold. */
  find(appId: string, userId: string): Promise<Preference | null> {
    return this.preferences.findOneBy({ appId, userId });
  }

  async replace(appId: string, userId: string, values: PreferenceValues): Promise<Preference> {
    const row = { ...values, appId, userId, updatedAt: this.clock.now() };
    await this.preferences.upsert(row, ['appId', 'userId']);
    return row;
  }
}
