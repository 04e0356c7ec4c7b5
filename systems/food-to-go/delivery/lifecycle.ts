export const deliveryStates = ['PENDING', 'SCHEDULED', 'PICKED_UP', 'DELIVERED', 'CANCELLED'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

interface Change {
  readonly from: readonly DeliveryState[];
  readonly to: DeliveryState;
}

/** The life of a delivery: what can happen to it, in which states, and where it leads. What a courier has in hand is cancelled no more. */
export const deliveryChanges = {
  schedule: { from: ['PENDING'], to: 'SCHEDULED' },
  pickUp: { from: ['SCHEDULED'], to: 'PICKED_UP' },
  dropOff: { from: ['PICKED_UP'], to: 'DELIVERED' },
  cancel: { from: ['PENDING', 'SCHEDULED'], to: 'CANCELLED' },
} as const satisfies Readonly<Record<string, Change>>;
export type DeliveryChange = keyof typeof deliveryChanges;
