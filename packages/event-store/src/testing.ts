export { type Given, given, type When } from './given.ts';
