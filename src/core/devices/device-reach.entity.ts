import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { Device } from './device.entity.js';

/** When the gateway last took a message for a device: apart from it, because that changes with every broadcast. */
@Entity('device_reach')
export class DeviceReach {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid', { name: 'device_id' })
  deviceId: string;

  @ManyToOne(() => Device, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'app_id', referencedColumnName: 'appId' },
    { name: 'device_id', referencedColumnName: 'id' },
  ])
  device: Device;

  /** To the day; of the token that the device has now. */
  @Column('timestamptz', { name: 'accepted_at' })
  acceptedAt: Date;
}
