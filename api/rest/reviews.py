"""/api/v1/reviews: the review queue, what people decide, and how they take it back."""

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
from store.errors import EditedMeanwhileError, NoCommentError, NothingToUndoError
from store.goal import audit_goal
from store.queue import CLAIM_TIME, Tasks
from store.reviews import Opinion
from store.routes import QueueOrder
from store.search import CommentFilter
from store.tasks import Task

router = APIRouter(prefix="/api/v1/reviews", tags=["reviews"], route_class=MediumBodyRoute)
# What every endpoint here may answer with.
COMMON = (
    *REFUSALS,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# How long one request goes on looking where filters match little; what comes later is asked for again.
LOOK_SECONDS = 2.0
# How often it counts what waits, where decisions are stored meanwhile.
COUNTS = 4
# Queues in which nobody is shown who decided what.
UNSWAYED = (QueueName.SECOND_OPINION, QueueName.DISPUTED)


@router.post(
    "/next",
    summary="Get comments to review",
    response_description="Comments, held for you.",
    responses=documented(*COMMON),
)
async def next_reviews(services: TheServices, identity: AsReviewer, request: NextRequest) -> NextAnswer:
    """Hold the next comments of a queue and give them with what helps to decide.

    Nobody else gets a comment while you hold it: ten minutes, longer if you renew it, and until you review, skip or
    release it. Where `searched_all` is false and there are no items, time was up before one was found: ask again.
    """
    order, show = QueueOrder(request.queue), _unswayed if request.queue in UNSWAYED else _task
    wanted = request.filter.wanted()
    without = [(comment.platform, comment.id) for comment in request.held]
    tasks = await _look(services, identity, order, request, without)
    waiting, done = await _count(services, identity.user_number, order, wanted)
    return NextAnswer(
        items=[await show(services, task) for task in tasks.items],
        searched_all=tasks.searched_all,
        remaining=Remaining(count=waiting.count, more=waiting.more),
        done_today=done,
        goal=await _goal(services) if order is QueueOrder.AUDIT else None,
    )


async def _goal(services: Services) -> AuditGoal:
    """How far the audit of all comments has come, whatever the filter."""
    return AuditGoal.model_validate(await services.store.read(audit_goal, CountFilter()))


async def _count(
    services: Services, reviewer: int, order: QueueOrder, wanted: CommentFilter
) -> tuple[queue.Remaining, int]:
    """How many wait, and how many the reviewer decided today, of one moment: none of theirs was stored in between.

    Somebody quick may store one each time; then the last counts are given, and the next request tells better.
    """
    done = await services.store.read(review_list.count_done, reviewer, _midnight(services))
    for _ in range(COUNTS):
        waiting = await services.store.read(queue.remaining, order, wanted, reviewer)
        before, done = done, await services.store.read(review_list.count_done, reviewer, _midnight(services))
        if before == done:
            break
    return waiting, done


async def _look(
    services: Services, identity: Identity, order: QueueOrder, request: NextRequest, without: list[tuple[str, str]]
) -> Tasks:
    """Look until something is found, all was looked through, or time is up."""
    wanted, place = request.filter.wanted(), None
    until = asyncio.get_running_loop().time() + LOOK_SECONDS
    while True:
        tasks = await queue.next_tasks(
            services.store, identity.user_number, order, wanted, request.count, without=without, after=place
        )
        if tasks.items or tasks.searched_all or asyncio.get_running_loop().time() > until:
            return tasks
        place = tasks.place


@router.post(
    "/lease",
    summary="Get one certain comment to review",
    response_description="The comment as it stands, with its context.",
    responses=documented(*COMMON, HTTPStatus.NOT_FOUND),
)
async def lease_review(services: TheServices, identity: AsReviewer, request: CommentName) -> ReviewTask:
    """Give a comment with what helps to decide; it is held for you unless somebody reviewed it or holds it.

    A comment that waits for the random audit is `blind`.
    """
    try:
        task = await queue.take(services.store, identity.user_number, (request.platform, request.id))
    except NoCommentError:
        raise _no_comment(request) from None
    return await _task(services, task)


@router.post("/renew", summary="Hold comments longer", responses=documented(*COMMON))
async def renew_reviews(services: TheServices, identity: AsReviewer, request: CommentNames) -> RenewAnswer:
    """Hold comments for another ten minutes; the answer names those that are still yours."""
    kept = await queue.renew(services.store, identity.user_number, _keys(request))
    return RenewAnswer(comments=[CommentName(platform=platform, id=id) for platform, id in kept])


@router.post("/release", status_code=HTTPStatus.NO_CONTENT, summary="Let comments go", responses=documented(*COMMON))
async def release_reviews(services: TheServices, identity: AsReviewer, request: CommentNames) -> None:
    """Let others have comments that you hold; those that you do not hold are left alone."""
    await queue.release(services.store, identity.user_number, _keys(request))


@router.post("/skip", status_code=HTTPStatus.NO_CONTENT, summary="Skip a comment", responses=documented(*COMMON))
async def skip_review(services: TheServices, identity: AsReviewer, request: CommentName) -> None:
    """Let others have a comment, and do not get it again for a day."""
    await queue.skip(services.store, identity.user_number, (request.platform, request.id))


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="Review a comment",
    response_description="The review.",
    responses=documented(*COMMON, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def add_review(services: TheServices, identity: AsReviewer, request: NewReview) -> AddedReview:
    """Store what you decide of the text that you saw.

    It stands beside earlier reviews of the same text, and its label is shown from now on; where it differs from another
    reviewer's, the comment is disputed until a third one decides. To send it again does no
    harm: the same label by the same person adds nothing. 409 with the code `edited_meanwhile` where the comment has
    another text by now; nothing is stored then.

    With `all_occurrences` the comments that have the same text now get the same review, each its own, in the
    background. Left out are those that are edited, erased or reviewed before their turn, and the audit sample. Copies
    that arrive later are offered for review again after 30 days.
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
        detail = gettext("The comment was edited meanwhile: look at its new text and decide again.")
        raise ProblemError(HTTPStatus.CONFLICT, "edited_meanwhile", detail) from None
    except NoCommentError:
        raise _no_comment(request) from None
    answer = AddedReview.model_validate(added)
    answer.group_number = group
    if request.blind:  # Who takes it back decides again, as blindly as before.
        answer.from_label = answer.from_source = None
    return answer


@router.post(
    "/bulk",
    summary="Review many comments",
    response_description="What became of each comment.",
    responses=documented(*COMMON),
)
async def add_reviews(services: TheServices, identity: AsReviewer, request: BulkReview) -> BulkAnswer:
    """Give many comments one label, in one transaction.

    Those that were edited or erased meanwhile are left out, and those that wait for the random audit.
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
    summary="Take reviews back",
    response_description="What became of each review.",
    responses=documented(*COMMON),
)
async def withdraw_reviews(services: TheServices, identity: AsReviewer, request: WithdrawRequest) -> WithdrawAnswer:
    """Take back your latest reviews of comments: what stood before stands again.

    The history keeps both. To send it again does no harm. A comment that has no review then is held for you again.
    The review that answered a decision for all comments with the same text takes back the whole decision: each of its
    reviews that still stands, in the background. `label` is null there where its first comment was edited or erased.
    """
    return WithdrawAnswer(results=[await _withdraw(services, identity, review) for review in request.reviews])


async def _withdraw(services: Services, identity: Identity, given: GivenReview) -> WithdrawResult:
    until, undone = services.now() + CLAIM_TIME, None
    try:
        if await services.store.read(group_decisions.is_group, given.number):
            undone = await group_decisions.withdraw_group(services.store, identity.actor, given.number, until)
        else:
            undone = await reviews.undo_review(
                services.store, identity.actor, given.platform, given.id, until, number=given.number
            )
    except NothingToUndoError:
        state = WithdrawState.NOTHING_TO_UNDO
    except NoCommentError:
        state = WithdrawState.NO_COMMENT
    else:
        label, source = (None, None)
        if undone is not None and not undone.blind:
            label, source = undone.label, undone.label_source
        return WithdrawResult(number=given.number, state=WithdrawState.WITHDRAWN, label=label, label_source=source)
    return WithdrawResult(number=given.number, state=state, label=None, label_source=None)


@router.get(
    "",
    summary="List reviews",
    response_description="A page of reviews.",
    responses=documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def get_reviews(
    services: TheServices, identity: AsReviewer, query: Annotated[ReviewQuery, Query()]
) -> ReviewPage:
    """List what people decided, newest first, a page at a time; what was taken back is marked."""
    wanted = query.wanted(identity.user_number)
    page = await services.store.read(review_list.list_reviews, wanted, read_cursor(query.after), query.limit)
    return ReviewPage(
        items=[ListedReview.model_validate(review) for review in page.items],
        next=encode_cursor(page.next) if page.next else None,
    )


async def _task(services: Services, task: Task) -> ReviewTask:
    """A task as it is answered. Only a text that was edited or reviewed has earlier reviews to look for."""
    shown = ReviewTask.model_validate(task)
    if not task.blind and (task.earlier_versions or task.comment.label_source == "review"):
        history = await services.store.read(comment_history, task.comment.platform, task.comment.id)
        shown.reviews = [CommentReview.model_validate(review) for review in history.reviews] if history else []
    return shown


async def _unswayed(_: Services, task: Task) -> ReviewTask:
    """A task without what others decided: whoever knows it agrees more often than they would. It is not hidden by the
    page but left out here, and the answer to the reviewer's own decision tells it (`from_label`)."""
    shown = ReviewTask.model_validate(task)
    shown.comment.label = shown.comment.label_source = None
    return shown


def _midnight(services: Services) -> datetime:
    """When the day began, in the time zone of whoever asks."""
    now = services.now().astimezone(get_tzinfo())
    return now - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second, microseconds=now.microsecond)


def _opinion(seen: SeenComment, label: ShownLabel, reason: str | None) -> Opinion:
    return Opinion(seen.platform, seen.id, seen.version, label, reason, seen.text_digest)


def _keys(named: CommentNames) -> list[tuple[str, str]]:
    return [(comment.platform, comment.id) for comment in named.comments]


def _no_comment(named: CommentName) -> ProblemError:
    detail = gettext("No comment of platform %(platform)s has the id %(id)s: it was never stored, or it was erased.")
    return ProblemError(HTTPStatus.NOT_FOUND, "no_comment", detail % {"platform": named.platform, "id": repr(named.id)})
