import { productionProblems, type System } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';

/**
 * @param parts names of services, and `gateway`. Default: all that production has
 * @throws ServiceError `failed_precondition` `missing_in_production` naming every contract that they use and only a stand-in keeps
 */
export function checkProduction(system: System, parts?: readonly string[]): void {
  const problems = productionProblems(system, parts);
  if (problems.length === 0) return;
  const lines = problems.map((problem) => `  - ${problem}`).join('\n');
  throw new ServiceError(`system '${system.name}' is not complete for production:\n${lines}`, {
    code: 'failed_precondition',
    reason: 'missing_in_production',
  });
}
