import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A batch that a worker is sending. Written with the claim and removed with the results; what is left over was lost. */
@Entity('delivery_claim')
export class DeliveryClaim {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  /** Until then its deliveries belong to the worker. */
  @Column('timestamptz', { name: 'lease_until' })
  leaseUntil: Date;

  /** Deliveries that were claimed. */
  @Column('uuid', { array: true })
  ids: string[];

  /** Their fences, in the same order: what has been claimed again since belongs to another claim. */
  @Column('integer', { array: true })
  fences: number[];
}
