/** About 200 bytes of JSON, in the shape of an everyday request. */
export const order = {
  orderId: '01a1fb96-18e7-77ae-8669-ebfb3729ee0a',
  customerId: 'customer-000042',
  sku: 'MUG-330-WHITE',
  quantity: 3,
  unitPriceCents: 1295,
  currency: 'EUR' as const,
  express: false,
  note: 'leave it with the neighbour please',
};

export type Order = typeof order;

/** The same rules as JSON Schema, for the peers that take it. */
export const orderJsonSchema = {
  type: 'object',
  required: ['orderId', 'customerId', 'sku', 'quantity', 'unitPriceCents', 'currency', 'express', 'note'],
  additionalProperties: false,
  properties: {
    orderId: { type: 'string', minLength: 1, maxLength: 64 },
    customerId: { type: 'string', minLength: 1, maxLength: 64 },
    sku: { type: 'string', minLength: 1, maxLength: 40 },
    quantity: { type: 'integer', minimum: 1, maximum: 1000 },
    unitPriceCents: { type: 'integer', minimum: 0, maximum: 100_000_000 },
    currency: { type: 'string', enum: ['EUR', 'USD', 'GBP'] },
    express: { type: 'boolean' },
    note: { type: 'string', maxLength: 200 },
  },
} as const;
