export { BodyBudget } from './body-budget.js';
