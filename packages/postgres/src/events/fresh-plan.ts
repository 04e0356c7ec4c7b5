import { verbatim } from '../sql-template.ts';

/**
 * Put into a statement, it has the statement planned anew each time instead of once a connection. Tables of queues are empty one moment and
 * long the next: a plan that was made for the empty table reads all of the long one, for every event, until the next `analyze`.
 */
export const freshPlan = verbatim('');
