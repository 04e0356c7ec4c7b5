import { z } from 'zod';

/**
 * Who carries a new order to its approval: `orchestration`, a saga of the orders service that asks the others one by one; or `choreography`, everybody by
 * reacting to what the others tell. It is written into each order when it is placed, so that changing the configuration leaves orders under way alone.
 */
export const Coordination = z.enum(['orchestration', 'choreography']);
export type Coordination = z.infer<typeof Coordination>;
