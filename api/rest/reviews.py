"""/api/v1/reviews: the review queue, reviews and their withdrawal."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from api.guard import MediumBodyRoute
from api.i18n import get_tzinfo, gettext
from api.identity.identity import AsReviewer, Identity
from api.problems import REFUSALS, ProblemError, documented
from api.rest.comment_schemas import CommentReview
from api.rest.cursor import encode_cursor, read_cursor
from api.rest.review_list_schemas import ListedReview, ReviewPage, ReviewQuery
from api.rest.review_schemas import (
    AddedReview,
    AuditGoal,
    BulkAnswer,
    BulkResult,
    BulkReview,
    BulkState,
    CommentName,
    CommentNames,
    GivenReview,
    NewReview,
    NextAnswer,
    NextRequest,
    QueueName,
    Remaining,
    RenewAnswer,
    ReviewTask,
    SeenComment,
    WithdrawAnswer,
    WithdrawRequest,
    WithdrawResult,
    WithdrawState,
)
from api.services import Services, TheServices
from store import group_decisions, queue, review_list, reviews
from store.analytics import CountFilter
from store.comments import ShownLabel, comment_history
from store.coverage import count_unlabelled
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError
from store.goal import audit_goal
from store.queue import CLAIM_TIME, Tasks
from store.reviews import Opinion
from store.routes import QueueOrder
from store.search import CommentFilter
from store.tasks import Task

router = APIRouter(prefix="/api/v1/reviews", tags=["reviews"], route_class=MediumBodyRoute)
# Error statuses of all endpoints here.
COMMON = (
    *REFUSALS,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# Time limit of one request's search where filters match rarely; clients repeat the request to continue.
SEARCH_SECONDS = 2.0
# Attempts to count the queue without a concurrent review by the same person.
COUNT_ATTEMPTS = 4
# Queues that hide the labels of other reviewers.
INDEPENDENT = (QueueName.SECOND_OPINION, QueueName.DISPUTED)


@router.post(
    "/next",
    summary="Get comments to review",
    response_description="Comments leased to you.",
    responses=documented(*COMMON),
)
async def next_reviews(services: TheServices, identity: AsReviewer, request: NextRequest) -> NextAnswer:
    """Lease the next comments of a queue and return them with their context.

    A lease is exclusive. It ends after ten minutes unless you renew it, or when you review, skip or release the
    comment. If `searched_all` is false and there are no items, the time limit was reached: repeat the request.
    """
    order, show = QueueOrder(request.queue), _independent_task if request.queue in INDEPENDENT else _task
    filter = request.filter.to_filter()
    without = [(comment.platform, comment.id) for comment in request.held]
    tasks = await _search(services, identity, order, request, without)
    waiting, done = await _count(services, identity.user_number, order, filter)
    return NextAnswer(
        items=[await show(services, task) for task in tasks.items],
        searched_all=tasks.searched_all,
        remaining=Remaining(count=waiting.count, more=waiting.more),
        unlabelled=await count_unlabelled_of(services, filter) if order is QueueOrder.UNCERTAIN else 0,
        done_today=done,
        goal=await _goal(services) if order is QueueOrder.AUDIT else None,
    )


async def count_unlabelled_of(services: Services, filter: CommentFilter) -> int:
    """Return how many comments of the filter's platform and time range the active model has not labelled.

    Raises StoreError and TimeoutError.
    """
    counted = CountFilter(filter.created_from, filter.created_to, filter.platform)
    return await services.store.read(count_unlabelled, counted)


async def _goal(services: Services) -> AuditGoal:
    """Return the progress of the whole audit, independent of the filter."""
    return AuditGoal.model_validate(await services.store.read(audit_goal, CountFilter()))


async def _count(
    services: Services, reviewer: int, order: QueueOrder, filter: CommentFilter
) -> tuple[queue.Remaining, int]:
    """Return the size of the queue and the reviewer's number of reviews today.

    The two counts are consistent unless the reviewer adds a review during each of COUNT_ATTEMPTS.
    """
    done = await services.store.read(review_list.count_done, reviewer, _midnight(services))
    for _ in range(COUNT_ATTEMPTS):
        waiting = await services.store.read(queue.remaining, order, filter, reviewer)
        before, done = done, await services.store.read(review_list.count_done, reviewer, _midnight(services))
        if before == done:
            break
    return waiting, done


async def _search(
    services: Services, identity: Identity, order: QueueOrder, request: NextRequest, without: list[tuple[str, str]]
) -> Tasks:
    """Search until a comment is found, the queue ends or the time limit is reached."""
    filter, position = request.filter.to_filter(), None
    until = asyncio.get_running_loop().time() + SEARCH_SECONDS
    while True:
        tasks = await queue.next_tasks(
            services.store, identity.user_number, order, filter, request.count, without=without, after=position
        )
        if tasks.items or tasks.searched_all or asyncio.get_running_loop().time() > until:
            return tasks
        position = tasks.place


@router.post(
    "/lease",
    summary="Lease one comment",
    response_description="The current comment with its context.",
    responses=documented(*COMMON, HTTPStatus.NOT_FOUND),
)
async def lease_review(services: TheServices, identity: AsReviewer, request: CommentName) -> ReviewTask:
    """Return a comment with its context, and lease it to you unless it is reviewed or leased already.

    A comment that waits for the audit is `blind`.
    """
    try:
        task = await queue.take(services.store, identity.user_number, (request.platform, request.id))
    except NoCommentError:
        raise _no_comment(request) from None
    return await _task(services, task)


@router.post("/renew", summary="Renew leases", responses=documented(*COMMON))
async def renew_reviews(services: TheServices, identity: AsReviewer, request: CommentNames) -> RenewAnswer:
    """Renew your leases for ten minutes and return the comments that are still leased to you."""
    kept = await queue.renew(services.store, identity.user_number, _keys(request))
    return RenewAnswer(comments=[CommentName(platform=platform, id=id) for platform, id in kept])


@router.post("/release", status_code=HTTPStatus.NO_CONTENT, summary="Release comments", responses=documented(*COMMON))
async def release_reviews(services: TheServices, identity: AsReviewer, request: CommentNames) -> None:
    """Release your leases; comments that are not leased to you are ignored."""
    await queue.release(services.store, identity.user_number, _keys(request))


@router.post("/skip", status_code=HTTPStatus.NO_CONTENT, summary="Skip a comment", responses=documented(*COMMON))
async def skip_review(services: TheServices, identity: AsReviewer, request: CommentName) -> None:
    """Release a comment and exclude it from your queue for a day."""
    await queue.skip(services.store, identity.user_number, (request.platform, request.id))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="Review a comment",
    response_description="The review.",
    responses=documented(*COMMON, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def add_review(services: TheServices, identity: AsReviewer, request: NewReview) -> AddedReview:
    """Add a review of the text that you saw.

    Its label is shown from now on, and earlier reviews of the text are kept. If it differs from another reviewer's
    label, the comment is disputed until a third reviewer resolves it. The request is idempotent: the same label by the
    same person adds nothing. If the text has changed, nothing is stored and the status is 409 with the code
    `edited_meanwhile`.

    With `all_occurrences`, all current comments with the same text get their own copy of the review in the background.
    Comments of the audit sample and those that are edited, erased or reviewed first are skipped. Copies of the text
    that arrive later are offered for review after 30 days.
    """
    opinion = replace(
        _opinion(request, request.label, request.reason),
        blind=request.blind,
        shown_milliseconds=request.shown_milliseconds,
    )
    group = None
    try:
        if request.all_occurrences:
            decided = await group_decisions.decide_group(services.store, identity.actor, opinion)
            added, group = decided.review, decided.group
        else:
            added = await reviews.add_review(services.store, identity.actor, opinion)
    except EditedMeanwhileError:
        detail = gettext("The comment was edited in the meantime: read its new text and decide again.")
        raise ProblemError(HTTPStatus.CONFLICT, "edited_meanwhile", detail) from None
    except NoCommentError:
        raise _no_comment(request) from None
    answer = AddedReview.model_validate(added)
    answer.group_number = group
    if request.blind:  # Reviewers who withdraw a blind decision must still not know the label.
        answer.from_label = answer.from_source = None
    return answer


@router.post(
    "/bulk",
    summary="Review many comments",
    response_description="The result for each comment.",
    responses=documented(*COMMON),
)
async def add_reviews(services: TheServices, identity: AsReviewer, request: BulkReview) -> BulkAnswer:
    """Add reviews with the same label to many comments in one transaction.

    Comments that were edited or erased, or that wait for the audit, are skipped.
    """
    opinions = [_opinion(comment, request.label, request.reason) for comment in request.comments]
    outcome = await reviews.add_reviews(services.store, identity.actor, opinions)
    added = {(one.platform, one.id): AddedReview.model_validate(one) for one in outcome.reviewed}
    states = {
        **dict.fromkeys(outcome.edited, BulkState.EDITED_MEANWHILE),
        **dict.fromkeys(outcome.in_audit, BulkState.IN_AUDIT),
        **dict.fromkeys(added, BulkState.REVIEWED),
    }
    return BulkAnswer(
        results=[
            BulkResult(
                platform=comment.platform,
                id=comment.id,
                state=states.get((comment.platform, comment.id), BulkState.NO_COMMENT),
                review=added.get((comment.platform, comment.id)),
            )
            for comment in request.comments
        ]
    )


@router.post(
    "/withdraw",
    summary="Withdraw reviews",
    response_description="The result for each review.",
    responses=documented(*COMMON),
)
async def withdraw_reviews(services: TheServices, identity: AsReviewer, request: WithdrawRequest) -> WithdrawAnswer:
    """Withdraw your latest reviews of comments, so that the previous labels are current again.

    The history keeps the review and its withdrawal. The request is idempotent. A comment that is left without a review
    is leased to you again. Withdrawing the review that was returned for a decision with `all_occurrences` withdraws all
    of its reviews that are still current, in the background; `label` is null if its first comment was edited or erased.
    """
    return WithdrawAnswer(results=[await _withdraw(services, identity, review) for review in request.reviews])


async def _withdraw(services: Services, identity: Identity, review: GivenReview) -> WithdrawResult:
    until, undone = services.now() + CLAIM_TIME, None
    try:
        if await services.store.read(group_decisions.is_group, review.number):
            undone = await group_decisions.withdraw_group(services.store, identity.actor, review.number, until)
        else:
            undone = await reviews.undo_review(
                services.store, identity.actor, review.platform, review.id, until, number=review.number
            )
    except NothingToUndoError:
        state = WithdrawState.NOTHING_TO_UNDO
    except NoCommentError:
        state = WithdrawState.NO_COMMENT
    else:
        label, source = (None, None)
        if undone is not None and not undone.blind:
            label, source = undone.label, undone.label_source
        return WithdrawResult(number=review.number, state=WithdrawState.WITHDRAWN, label=label, label_source=source)
    return WithdrawResult(number=review.number, state=state, label=None, label_source=None)


@router.get(
    "",
    summary="List reviews",
    response_description="A page of reviews.",
    responses=documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def get_reviews(
    services: TheServices, identity: AsReviewer, query: Annotated[ReviewQuery, Query()]
) -> ReviewPage:
    """List reviews, newest first, page by page; withdrawn ones are marked.

    Reviews of comments that you hold in the random audit are left out.
    """
    reader, after = identity.user_number, read_cursor(query.after)
    page = await services.store.read(review_list.list_reviews, query.to_filter(reader), after, query.limit, reader)
    return ReviewPage(
        items=[ListedReview.model_validate(review) for review in page.items],
        next=encode_cursor(page.next) if page.next else None,
    )


async def _task(services: Services, task: Task) -> ReviewTask:
    """Convert a task to its response, with earlier reviews if the comment was edited or reviewed."""
    shown = ReviewTask.model_validate(task)
    if not task.blind and (task.earlier_versions or task.comment.label_source == "review"):
        history = await services.store.read(comment_history, task.comment.platform, task.comment.id)
        shown.reviews = [CommentReview.model_validate(review) for review in history.reviews] if history else []
    return shown


async def _independent_task(_: Services, task: Task) -> ReviewTask:
    """Convert a task to its response without the labels of others, which would influence the reviewer.

    The response to the reviewer's own review contains the other label as ``from_label``.
    """
    shown = ReviewTask.model_validate(task)
    shown.comment.label = shown.comment.label_source = None
    return shown


def _midnight(services: Services) -> datetime:
    """Return the start of the current day in the request's time zone."""
    now = services.now().astimezone(get_tzinfo())
    return now - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second, microseconds=now.microsecond)


def _opinion(seen: SeenComment, label: ShownLabel, reason: str | None) -> Opinion:
    return Opinion(seen.platform, seen.id, seen.version, label, reason, seen.text_digest)


def _keys(named: CommentNames) -> list[tuple[str, str]]:
    return [(comment.platform, comment.id) for comment in named.comments]


def _no_comment(named: CommentName) -> ProblemError:
    detail = gettext("No comment of platform %(platform)s has the id %(id)s: it was never stored, or it was erased.")
    return ProblemError(HTTPStatus.NOT_FOUND, "no_comment", detail % {"platform": named.platform, "id": repr(named.id)})
