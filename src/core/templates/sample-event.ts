import { CONTENT_TYPES, type ContentType, type InboundEvent, type Message } from '@bellhop/contracts';

type Part = Pick<Message, 'text' | 'attachment'>;

const PARTS: Readonly<Record<ContentType, Part>> = {
  text: { text: 'Your parcel is on its way' },
  rich: { text: 'What is new this week' },
  image: { text: null, attachment: { url: 'https://example.com/photo.jpg' } },
  video: { text: null, attachment: { url: 'https://example.com/film.mp4', durationSeconds: 12 } },
  audio: { text: null, attachment: { url: 'https://example.com/voice.amr', durationSeconds: 8 } },
  file: { text: null, attachment: { url: 'https://example.com/offer.pdf', name: 'offer.pdf' } },
  location: { text: null, attachment: { name: 'West Lake' } },
  custom: { text: null },
  unknown: { text: null },
};

/** An event of a kind as a vendor could report it, for previews. */
export function sampleEvent(kind: InboundEvent['kind'], messageType: ContentType | ''): InboundEvent {
  const type = CONTENT_TYPES.find((known) => known === messageType) ?? 'text';
  return {
    kind,
    key: 'sample',
    recipient: { identities: [], devices: [] },
    sender: { id: 'amy', name: 'Amy', role: 'staff' },
    conversation: { id: 'c-1' },
    message: { type, vendorType: type, ...PARTS[type] },
    ticket: { id: '4711' },
    copy: { title: 'A title', body: 'A text' },
    push: { notify: true },
  };
}
