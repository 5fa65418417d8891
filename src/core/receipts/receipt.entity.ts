import type { Platform } from '@bellhop/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';

export const RECEIPT_KINDS = ['delivered', 'opened'] as const;
export type ReceiptKind = (typeof RECEIPT_KINDS)[number];

/** What an app reported of a push: the first of each kind, for each device. Who opens it has got it. */
@Entity('receipt')
export class Receipt {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid', { name: 'delivery_id' })
  deliveryId: string;

  /** Device id; the app's installation id where the vendor finds the devices. */
  @PrimaryColumn('text')
  subject: string;

  @PrimaryColumn('text')
  kind: ReceiptKind;

  @Column('text', { nullable: true })
  platform: Platform | null;

  /** When it happened, as the app says; never before the delivery was created, nor after the receipt came. */
  @Column('timestamptz')
  at: Date;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt: Date;
}
